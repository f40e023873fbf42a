import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { SeedForm } from '../../../shared/model/seed.ts';
import { checkUserData, composeUserData, machineUserData, requireUserData } from './user-data.ts';

const empty: SeedForm = { user: null, authorizedKeys: [], passwordHash: null, packages: [], commands: [] };
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm0s2nFmKxwGQJm5nU5mXm5mXm5mXm5mXm5mXm5mXm5 me@here';
/** As PyYAML reads it. */
const read = (text: string) => parse(text, { version: '1.1' });

describe('composing user data', () => {
  it('writes what the form says, and what it writes passes the check', () => {
    const text = composeUserData({
      user: 'ann',
      authorizedKeys: [key],
      passwordHash: '$6$salt$hash/with.dots',
      packages: ['vim', 'yes', '7zip'],
      commands: ['echo: "hi" # not a comment', 'no', '- x'],
    });
    expect(text.startsWith('#cloud-config\n')).toBe(true);
    expect(checkUserData(text)).toEqual([]);
    expect(read(text)).toEqual({
      users: [
        'default',
        {
          name: 'ann',
          shell: '/bin/bash',
          sudo: 'ALL=(ALL) NOPASSWD:ALL',
          lock_passwd: false,
          passwd: '$6$salt$hash/with.dots',
          ssh_authorized_keys: [key],
        },
      ],
      package_update: true,
      packages: ['vim', 'yes', '7zip'],
      runcmd: ['echo: "hi" # not a comment', 'no', '- x'],
    });
  });

  it('gives keys and password to the default user when no other is named', () => {
    const text = composeUserData({ ...empty, authorizedKeys: [key], passwordHash: '$6$a$b' });
    expect(read(text)).toEqual({
      ssh_authorized_keys: [key],
      password: '$6$a$b',
      chpasswd: { expire: false },
    });
    expect(() => composeUserData({ ...empty, passwordHash: '$y$j9T$a$b' })).toThrow(/user name/);
    expect(composeUserData(empty)).toBe('#cloud-config\n');
  });
});

describe('checking user data', () => {
  const check = (body: string) => checkUserData(`#cloud-config\n${body}`);

  it('finds the line of a wrong value', () => {
    expect(check('packages:\n  - vim\nwrite_files:\n  - path: /etc/motd\n    permissions: 0644\n')).toEqual([
      { line: 6, severity: 'error', message: expect.stringContaining('Put the mode in quotes') },
    ]);
    expect(check('package_update: true\npackages: vim\n')).toMatchObject([{ line: 3, severity: 'error' }]);
    expect(check('ssh_authorized_keys:\n  - nonsense\n')).toMatchObject([{ line: 3 }]);
    expect(check('users:\n  - default\n  - gecos: nobody\n')).toMatchObject([{ line: 4 }]);
  });

  it('reads as cloud-init does: YAML 1.1, where yes is true', () => {
    expect(check('package_update: yes\n')).toEqual([]);
    expect(check('hostname: on\n')).toMatchObject([{ line: 2, severity: 'error' }]);
  });

  it('says syntax errors by line, and warns of settings nobody knows', () => {
    expect(check('a: [1\nb: 2\n').every(({ severity }) => severity === 'error')).toBe(true);
    expect(check('packages: [vim]\npackages: [nano]\n')).toMatchObject([{ severity: 'error' }]);
    expect(check('package: [vim]\n')).toEqual([
      { line: 2, severity: 'warning', message: expect.stringContaining('Is packages meant?') },
    ]);
    expect(check('packages: 1\nnonsense: 2\n').map(({ severity }) => severity)).toEqual(['error', 'warning']);
  });

  it('wants the first line by which cloud-init knows it, and settings behind it', () => {
    expect(checkUserData('packages: [vim]\n')).toMatchObject([{ line: 1, severity: 'error' }]);
    expect(checkUserData('#!/bin/sh\n')).toMatchObject([{ line: 1, severity: 'error' }]);
    expect(check('- a\n')).toMatchObject([{ line: 1, severity: 'error' }]);
    expect(check('')).toEqual([]);
    expect(() => requireUserData('')).toThrow(/cannot be used/);
  });

  it('is not exhausted by aliases of aliases', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((n, i) => `${n}: &${n} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
    ];
    expect(check(bomb.join('\n'))).toMatchObject([{ severity: 'error' }]);
  });
});

describe('the user data of one machine', () => {
  const values = {
    instanceId: 'i-1',
    hostname: 'web-01',
    hostKeys: [
      { kind: 'ed25519', privateKey: '-----BEGIN\nabc\n-----END\n', publicKey: 'ssh-ed25519 AAAA x\n' },
    ],
  };

  it('has the planned name and host keys, whatever was written', () => {
    const text = machineUserData(
      '#cloud-config\n# mine\nhostname: same\nfqdn: same.example\nssh_deletekeys: true\npackages: [vim]\n',
      values,
    );
    expect(text.startsWith('#cloud-config\n')).toBe(true);
    expect(text).toContain('# mine');
    expect(read(text)).toEqual({
      hostname: 'web-01',
      ssh_deletekeys: false,
      packages: ['vim'],
      ssh_keys: { ed25519_private: '-----BEGIN\nabc\n-----END\n', ed25519_public: 'ssh-ed25519 AAAA x' },
    });
    expect(read(machineUserData('#cloud-config\n', values)).hostname).toBe('web-01');
  });

  it('quotes names that YAML would take for something else', () => {
    for (const hostname of ['no', '0x10', '1e3', '12', '1-1-1'])
      expect(read(machineUserData('#cloud-config\n', { ...values, hostname })).hostname).toBe(hostname);
  });

  it('writes a machine-id by a first command where the disk cannot be edited', () => {
    const id = 'a'.repeat(32);
    const text = machineUserData('#cloud-config\nbootcmd:\n  - echo 1\n', { ...values, machineId: id });
    const { bootcmd } = read(text);
    expect(bootcmd[0].slice(0, 3)).toEqual(['cloud-init-per', 'instance', 'guesthouse-machine-id']);
    expect(bootcmd[0].at(-1)).toContain(id);
    expect(bootcmd[1]).toBe('echo 1');
    expect(checkUserData(text)).toEqual([]);
  });
});
