import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contract } from '../../../shared/ipc/contract.ts';
import type { CoreEvent } from '../../../shared/ipc/events.ts';
import type { SshConfigPreview } from '../../../shared/ipc/servers.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { ImportCandidate, Server } from '../../../shared/model/server.ts';
import { OperationRunner } from '../operations/runner.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { exportConfig, hostAliases } from '../ssh/config-export.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { type Access, createAccess } from './access.ts';
import { infoScript, readInfo } from './info.ts';

let temp: TempHome;
let access: Access;
let events: CoreEvent[];
const guest = {
  id: 'web-01-1234',
  name: 'web-01',
  uuid: '4c4c4544-0000-2010-8020-80c04f000000',
  folder: '/lib/with space/web-01-1234',
  ssh: { user: 'debian', address: '127.0.0.1', port: 2201 },
  tags: ['Web Tier'],
} as unknown as Guest;

function open(guests: Guest[] = [guest]) {
  access = createAccess({
    paths: temp.paths,
    log: silentLog,
    clock: systemClock,
    runner: new OperationRunner(systemClock, () => {}),
    announce: (event) => {
      events.push(event);
      access.hear(event);
    },
    guests: { list: () => guests },
  });
}
async function call<T>(name: keyof typeof contract, input?: unknown): Promise<T> {
  const handler = access.handlers[name] as (input: unknown, c: { signal: AbortSignal }) => Promise<T>;
  return handler(contract[name].input.parse(input), { signal: new AbortController().signal });
}
const config = () => path.join(temp.home, '.ssh', 'config');
function writeConfig(text: string) {
  fs.mkdirSync(path.dirname(config()), { mode: 0o700 });
  fs.writeFileSync(config(), text, { mode: 0o600 });
}

beforeEach(() => {
  temp = tempHome();
  events = [];
  open();
});
afterEach(() => {
  access.close();
  temp.remove();
});

describe('servers', () => {
  it('adds, edits, keeps and removes', async () => {
    const { id } = await call<{ id: string }>('servers.add', {
      name: 'db',
      address: '10.0.0.5',
      user: 'admin',
    });
    await call('servers.edit', { id, change: { port: 2222, tags: ['prod'] } });
    open();
    expect(await call('servers.list')).toMatchObject([
      { id, name: 'db', address: '10.0.0.5', port: 2222, user: 'admin', tags: ['prod'], info: null },
    ]);
    expect(fs.statSync(path.join(temp.paths.data, 'servers.json')).mode & 0o777).toBe(0o600);
    await expect(call('servers.add', { name: 'DB', address: 'x' })).rejects.toMatchObject({
      code: 'name-taken',
    });
    await call('servers.remove', { id: 'db' });
    expect(await call('servers.list')).toEqual([]);
    expect(events.map(({ type }) => type)).toEqual(['server', 'server', 'server-gone']);
  });

  it('refuses hostile names, addresses and users', async () => {
    const bad = [
      { name: 'x', address: '-oProxyCommand=touch /tmp/x' },
      { name: 'x', address: 'a b' },
      { name: 'x', address: 'h\nProxyCommand x' },
      { name: '*', address: 'h' },
      { name: 'a b', address: 'h' },
      { name: 'x\nHost *', address: 'h' },
      { name: 'x', address: 'h', user: '-l' },
      { name: 'x', address: 'h', user: 'a\nb' },
      { name: 'x', address: 'h', port: 70000 },
    ];
    for (const spec of bad) await expect(call('servers.add', spec), JSON.stringify(spec)).rejects.toThrow();
    const { id } = await call<{ id: string }>('servers.add', {
      name: 'x',
      address: 'h',
      jump: '-oProxyCommand=x',
    });
    await expect(call('ssh.command', { target: id })).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('loses one broken entry, not the file, and keeps what it cannot read', async () => {
    const file = path.join(temp.paths.data, 'servers.json');
    const strange = { id: 's2', name: 'bad', address: '-x', future: [1] };
    fs.writeFileSync(file, JSON.stringify({ servers: [{ id: 's1', name: 'ok', address: 'h' }, strange, 7] }));
    open();
    expect((await call<Server[]>('servers.list')).map(({ name }) => name)).toEqual(['ok']);
    await call('servers.edit', { id: 's1', change: { port: 23 } });
    expect(JSON.parse(fs.readFileSync(file, 'utf8')).servers.slice(1)).toEqual([strange, 7]);
    fs.writeFileSync(file, '{ cut');
    open();
    expect(await call('servers.list')).toEqual([]);
    await call('servers.add', { name: 'new', address: 'h' });
    expect(fs.readFileSync(`${file}.damaged`, 'utf8')).toBe('{ cut');
  });

  it('follows jump hosts and refuses a circle', async () => {
    await call('servers.add', { name: 'gate', address: 'gate.example', user: 'g' });
    const { id } = await call<{ id: string }>('servers.add', {
      name: 'in',
      address: '10.1.1.1',
      jump: 'gate',
    });
    const { argv } = await call<{ argv: string[] }>('ssh.command', { target: 'in' });
    const proxy = argv.find((arg) => arg.startsWith('ProxyCommand='))!;
    expect(proxy).toMatch(/ -W '\[%h\]:%p' -- gate\.example$/);
    expect(proxy).toContain('StrictHostKeyChecking=yes');
    await call('servers.edit', { id: 'gate', change: { jump: id } });
    await expect(call('ssh.command', { target: 'in' })).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(call('servers.remove', { id: 'gate' })).rejects.toMatchObject({ code: 'wrong-state' });
  });

  it('takes no connection to a name that two guests have', async () => {
    access.close();
    open([guest, { ...guest, id: 'web-01-copy' }]);
    const error = { code: 'invalid-input', todo: expect.stringContaining('web-01-copy') };
    await expect(call('ssh.command', { target: guest.name })).rejects.toMatchObject(error);
    expect(await call('ssh.command', { target: 'web-01-copy' })).toHaveProperty('argv');
  });

  it('offers the hosts of ~/.ssh/config as ssh understands them', async () => {
    writeConfig(
      'Include extra\nHost a "b c" *.lab !x\n  HostName a.example\n  User me\nHost=eq\n  Port 99\nMatch host z\n  User q\nHost *\n  Port 2200\n',
    );
    fs.writeFileSync(path.join(temp.home, '.ssh', 'extra'), 'Host inc\n  ProxyJump a\n');
    const found = await call<ImportCandidate[]>('servers.importCandidates');
    // ssh looks for relative includes below the home of the passwd file; ours follow HOME.
    expect(found.map(({ alias }) => alias)).toEqual(['a', 'b c', 'eq', 'inc']);
    expect(found[0]).toMatchObject({
      address: 'a.example',
      user: 'me',
      port: 2200,
      problem: null,
      known: false,
    });
    expect(found[1]!.problem).not.toBeNull();
    expect(found[2]).toMatchObject({ port: 99 });
    expect(await call('servers.import', { aliases: ['a', 'b c', 'nope'] })).toHaveLength(1);
    expect(await call('servers.list')).toMatchObject([{ name: 'a', address: 'a', port: 2200, user: 'me' }]);
  });

  it('reads what a host says of itself, and no more', () => {
    const here = readInfo(execFileSync('sh', ['-c', infoScript]).toString(), 5);
    expect(here.kernel).toBe(execFileSync('uname', ['-sr']).toString().trim());
    expect(here).toMatchObject({ user: execFileSync('id', ['-un']).toString().trim(), at: 5 });
    const evil = readInfo(`os=\x1b[2J${'x'.repeat(9999)}\nmachine-id=../../etc\nuptime=-4\nother=1\n`, 0);
    expect(evil.os).not.toContain('\x1b');
    expect(evil.os.length).toBeLessThan(210);
    expect(evil).toMatchObject({ machineId: null, uptime: null });
  });
});

describe('the exported configuration', () => {
  it('is read by ssh as meant, for guests and servers', async () => {
    await call('servers.add', {
      name: 'db',
      address: 'db.example',
      port: 2022,
      user: 'DOM\\me',
      jump: 'x@gate:24',
    });
    const { text, path: file, refused } = await call<SshConfigPreview>('sshConfig.export');
    expect(fs.readFileSync(file, 'utf8')).toBe(text);
    expect(refused).toEqual([]);
    const read = (host: string) => execFileSync('ssh', ['-G', '-F', file, '--', host]).toString();
    const web = read('web-01');
    for (const line of [
      'hostname 127.0.0.1',
      'port 2201',
      'user debian',
      `hostkeyalias ${guest.uuid}`,
      'userknownhostsfile /lib/with space/web-01-1234/known_hosts',
      'globalknownhostsfile /dev/null',
      'stricthostkeychecking true',
    ])
      expect(web).toContain(`${line}\n`);
    expect(read('db')).toContain('user DOM\\me\n');
    expect(read('db')).toContain('proxyjump x@gate:24\n');
    expect(read('other')).toContain('hostname other\n');
  });

  it('leaves out aliases that would match others, and says so', async () => {
    open([
      { ...guest, name: 'my guest' },
      { ...guest, id: '2', name: 'a*' },
      { ...guest, id: '3', name: 'ok' },
    ]);
    const { text, refused } = await call<SshConfigPreview>('sshConfig.preview');
    expect(refused.map(({ name }) => name).sort()).toEqual(['a*', 'my guest']);
    expect(text.match(/^Host /gm)).toHaveLength(1);
    expect(exportConfig([]).aliases).toEqual([]);
  });

  it('puts its Include first, warns of shadowed hosts, and takes it out byte for byte', async () => {
    const mine = '# mine\r\nHost web-01\n  HostName real.example\n\nHost *\n  Port 22 ';
    writeConfig(mine);
    const before = await call<SshConfigPreview>('sshConfig.preview');
    expect(before).toMatchObject({ included: false, upToDate: false, warnings: [{ alias: 'web-01' }] });
    const after = await call<SshConfigPreview>('sshConfig.include');
    expect(after).toMatchObject({ included: true, upToDate: true });
    expect(fs.readFileSync(config(), 'utf8')).toBe(`${after.includeLine}\n${mine}`);
    const said = execFileSync('ssh', ['-G', '-F', config(), '--', 'web-01']).toString();
    expect(said).toContain('hostname 127.0.0.1\n');
    await call('sshConfig.include');
    expect(await call('servers.importCandidates')).toMatchObject([{ alias: 'web-01' }]);
    expect(await call<SshConfigPreview>('sshConfig.undoInclude')).toMatchObject({ included: false });
    expect(fs.readFileSync(config(), 'utf8')).toBe(mine);
  });

  it('holds no line that stops ssh for every host, whatever a guest says', async () => {
    open([
      { ...guest, ssh: { ...guest.ssh!, user: null } },
      { ...guest, id: '2', name: 'odd', ssh: { ...guest.ssh!, user: 'a b' } },
      { ...guest, id: '3', name: 'none', ssh: { ...guest.ssh!, user: '' } },
    ]);
    const { text, refused } = await call<SshConfigPreview>('sshConfig.include');
    expect(refused.map(({ name }) => name)).toEqual(['none', 'odd']);
    expect(refused[1]!.why).toBe('A user name cannot hold spaces or special characters.');
    expect(text).not.toContain('  User ');
    const read = (host: string) => execFileSync('ssh', ['-G', '-F', config(), '--', host]).toString();
    expect(read('web-01')).toContain('port 2201\n');
    expect(read('other.example')).toContain('hostname other.example\n');
  });

  it('stays true while ssh reads it: guests and servers come, change and go', async () => {
    const guests = [guest];
    open(guests);
    const { path: file } = await call<SshConfigPreview>('sshConfig.preview');
    await call('servers.add', { name: 'db', address: 'db.example' });
    await call('sshConfig.include');
    const port = (host: string) =>
      /^port (.*)$/m.exec(execFileSync('ssh', ['-G', '-F', file, '--', host]).toString())?.[1];
    expect([port('web-02'), port('db')]).toEqual(['22', '22']);
    guests.push({ ...guest, id: '2', name: 'web-02', ssh: { ...guest.ssh!, port: 2202 } });
    access.hear({ type: 'guest', guest: guests[1]! });
    await expect.poll(() => port('web-02'), { timeout: 20_000 }).toBe('2202');
    await call('servers.edit', { id: 'db', change: { port: 2022 } });
    await expect.poll(() => port('db'), { timeout: 20_000 }).toBe('2022');
    guests.pop();
    access.hear({ type: 'guest-gone', id: '2' });
    await expect.poll(() => fs.readFileSync(file, 'utf8'), { timeout: 20_000 }).not.toContain('web-02');
  });

  it('leaves an imported host where it was', async () => {
    writeConfig('Host db\n  HostName 10.9.8.7\n  ProxyJump gate\n\nHost gate\n  HostName 10.9.8.1\n');
    const read = () => execFileSync('ssh', ['-G', '-F', config(), '--', 'db']).toString();
    const before = read();
    expect(before).toContain('hostname 10.9.8.7\n');
    await call('servers.import', { aliases: ['db', 'gate'] });
    expect(await call<SshConfigPreview>('sshConfig.include')).toMatchObject({ warnings: [], refused: [] });
    const where = (text: string) => text.match(/^(hostname|port|user|proxyjump) .*$/gm);
    expect(where(read())).toEqual(where(before));
  });

  it('writes addresses that hold a percent sign', () => {
    const at = {
      kind: 'server' as const,
      id: 's',
      name: 'link',
      address: 'fe80::1%eth0',
      port: 22,
      user: null,
    };
    const rest = { hostKeyAlias: null, knownHosts: ['/k'], identityFiles: [], identitiesOnly: false };
    const { text, refused } = exportConfig([{ ...at, ...rest, configFile: null, jump: null }]);
    expect(refused).toEqual([]);
    writeConfig(text);
    expect(execFileSync('ssh', ['-G', '-F', config(), '--', 'link']).toString()).toContain(
      'hostname fe80::1%eth0\n',
    );
  });

  it('makes ~/.ssh/config when there is none, and writes through a link', async () => {
    await call('sshConfig.include');
    expect(fs.statSync(config()).mode & 0o777).toBe(0o600);
    const real = path.join(temp.home, 'dotfiles');
    fs.renameSync(config(), real);
    fs.symlinkSync(real, config());
    await call('sshConfig.undoInclude');
    expect(fs.lstatSync(config()).isSymbolicLink()).toBe(true);
    expect(fs.readFileSync(real, 'utf8')).toBe('');
  });

  it('reads Host lines as ssh does', () => {
    expect(hostAliases('host A b\nHOST = c # no\n Host "d"\nHostName no\n#Host no\nHost * ?x !y')).toEqual([
      'A',
      'b',
      'c',
      'd',
    ]);
  });
});

describe('the Ansible inventory', () => {
  it('is YAML with a group a kind and tag', async () => {
    await call('servers.add', { name: 'db', address: 'db.example', tags: ['prod'] });
    const inventory = parse(await call<string>('ansible.export'));
    expect(inventory.all.children.guests.hosts['web-01']).toMatchObject({
      ansible_host: '127.0.0.1',
      ansible_port: 2201,
      ansible_user: 'debian',
    });
    expect(inventory.all.children.guests.hosts['web-01'].ansible_ssh_common_args).toContain(
      `'UserKnownHostsFile="/lib/with space/web-01-1234/known_hosts"'`,
    );
    expect(inventory.all.children.servers.hosts.db.ansible_host).toBe('db.example');
    await call('servers.add', { name: 'gate', address: '::1', port: 2222, user: 'g' });
    await call('servers.add', { name: 'in', address: '10.1.1.1', jump: 'gate' });
    const { hosts } = parse(await call<string>('ansible.export')).all.children.servers;
    const args = execFileSync('sh', ['-c', `printf '%s\\n' ${hosts.in.ansible_ssh_common_args}`]).toString();
    // Ansible gives these words to ssh as they are.
    const proxy = args.split('\n').find((arg) => arg.startsWith('ProxyCommand='));
    const said = execFileSync('ssh', ['-G', '-F', 'none', '-o', proxy!, '--', '10.1.1.1']).toString();
    expect(said).toMatch(/^proxycommand ssh .*'User="g"' .* -W '\[%h\]:%p' -- ::1$/m);
    expect(said).toContain(`UserKnownHostsFile="${temp.paths.data}/known_hosts"`);
    expect(Object.keys(inventory.all.children)).toEqual(['guests', 'servers', 'tag_web_tier', 'tag_prod']);
  });
});
