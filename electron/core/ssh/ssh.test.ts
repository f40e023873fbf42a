import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { addressProblem, aliasProblem, userProblem } from '../../../shared/model/server.ts';
import { classify, hostNamed } from './askpass-text.ts';
import { type SshTarget, sftpArgv, sshArgv } from './command.ts';
import { sshFailure } from './failures.ts';
import {
  fingerprint,
  forgetHost,
  knownHostName,
  knownKeys,
  parseKnownHosts,
  pinHost,
} from './known-hosts.ts';
import { visible } from './prompts.ts';
import { configValue, quote, quoteAll } from './quote.ts';
import { parseDestination } from './targets.ts';

const server: SshTarget = {
  kind: 'server',
  id: 's1',
  name: 'db',
  address: 'db.example',
  port: 2222,
  user: 'me',
  hostKeyAlias: null,
  knownHosts: ['/data dir/100%/known_hosts'],
  identityFiles: ['/keys/my "key"'],
  identitiesOnly: true,
  configFile: 'none',
  jump: null,
};

/** Every shell here takes the quoted words apart as they were. */
describe('quote', () => {
  // A small generator of its own, with a fixed seed: the same words at every run.
  const words: string[] = [];
  let seed = 42;
  const next = (n: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % n;
  };
  const alphabet = [
    'a',
    'B',
    '7',
    ' ',
    "'",
    '"',
    '\\',
    '$',
    '(',
    ')',
    '`',
    '\n',
    '\t',
    '!',
    '~',
    '*',
    '?',
    '=',
    '-',
  ];
  alphabet.push(
    '{',
    '}',
    ',',
    '#',
    '&',
    ';',
    '|',
    '<',
    '>',
    '%',
    '[',
    ']',
    '\r',
    '\x1b',
    'é',
    '🙂',
    '\u2028',
    '^',
  );
  for (let i = 0; i < 400; i++)
    words.push(Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]!).join(''));
  words.push('', '-n', '--', '~root', 'A=b', "'", "''", '$(id)', '!!');

  for (const shell of ['/bin/sh', '/bin/dash', '/bin/bash'])
    it(`survives ${shell}`, () => {
      const out = execFileSync(shell, ['-c', `printf '%s\\0' ${quoteAll(words)}`]);
      expect(out.toString('utf8').split('\0').slice(0, -1)).toEqual(words);
    });

  it('cannot hold a NUL', () => expect(() => quote('a\0b')).toThrow(RangeError));

  it('writes values that ssh reads back', () => {
    for (const value of ['/a b/c', '/a"b', '/a\\b', "/it's", '/100%/x', '/#x']) {
      const args = ['-G', '-F', 'none', '-o', `IdentityFile=${configValue(value, true)}`, '--', 'h'];
      expect(execFileSync('ssh', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString()).toContain(
        `identityfile ${value}\n`.replace('%', '%%'),
      );
    }
    expect(() => configValue('a\nb')).toThrow(RangeError);
    expect(() => configValue(['/x/$', '{HOME}'].join(''), true)).toThrow(RangeError);
  });
});

describe('command lines', () => {
  const resolved = (argv: readonly string[]) =>
    execFileSync('ssh', ['-G', ...argv.slice(1)], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();

  it('are understood by ssh as meant', () => {
    const text = resolved(sshArgv(server, { how: 'batch' }));
    for (const line of [
      'hostname db.example',
      'port 2222',
      'user me',
      'stricthostkeychecking true',
      'batchmode yes',
      'identitiesonly yes',
      'controlmaster false',
      'nohostauthenticationforlocalhost no',
      'userknownhostsfile /data dir/100%/known_hosts',
    ])
      expect(text).toContain(`${line}\n`);
  });

  it('trust nothing but the own file for a guest', () => {
    const guest = { ...server, kind: 'guest' as const, hostKeyAlias: '4c4c4544-0000-2010-8020-80c04f000000' };
    const argv = sshArgv(guest, { how: 'terminal' });
    const text = resolved(argv);
    expect(text).toContain('globalknownhostsfile /dev/null\n');
    expect(text).toContain('hostkeyalias 4c4c4544-0000-2010-8020-80c04f000000\n');
    expect(text).toContain('stricthostkeychecking true\n');
    expect(argv.join(' ')).not.toContain('accept-new');
  });

  it('quote the remote command and end the options before the address', () => {
    const argv = sshArgv(server, { how: 'batch' }, ['touch', '$(id) x']);
    expect(argv.slice(-3)).toEqual(['--', 'db.example', "touch '$(id) x'"]);
    expect(sftpArgv({ ...server, address: 'fe80::1' }, { how: 'ask' }).slice(-4)).toEqual([
      '-b',
      '-',
      '--',
      '[fe80::1]',
    ]);
  });

  it('refuse what ssh could take for something else', () => {
    const hosts = [
      '-oProxyCommand=touch x',
      'a b',
      'a\nb',
      '',
      'ssh://x',
      'u@h',
      'a;b',
      '$(id)',
      'x/y',
      '\u202ea',
    ];
    for (const address of hosts)
      expect(() => sshArgv({ ...server, address }, { how: 'batch' }), address).toThrow(/cannot be reached/);
    for (const user of ['-l', 'a b', 'a\nb', '', '$(id)', 'a"b'])
      expect(() => sshArgv({ ...server, user }, { how: 'batch' }), user).toThrow(/cannot be reached/);
    for (const port of [0, 65536, 1.5, Number.NaN])
      expect(() => sshArgv({ ...server, port }, { how: 'batch' })).toThrow(/cannot be reached/);
    expect(() => sshArgv({ ...server, identityFiles: ['/a\nb'] }, { how: 'batch' })).toThrow(/file name/);
    expect(addressProblem('host-1.example')).toBeNull();
    expect(addressProblem('fe80::1%eth0')).toBeNull();
    expect(userProblem('DOMAIN\\jane.doe@x')).toBeNull();
  });

  it('reads destinations of jump hosts', () => {
    expect(parseDestination('me@gate:2200')).toEqual({ user: 'me', address: 'gate', port: 2200 });
    expect(parseDestination('[fe80::1]:22')).toEqual({ user: null, address: 'fe80::1', port: 22 });
    expect(parseDestination('fe80::1')).toEqual({ user: null, address: 'fe80::1', port: 22 });
    for (const text of ['-oX=y', 'a b', 'u@-x', 'h:0', 'h:99999', '', 'a@b@c', 'h:22:33x'])
      expect(() => parseDestination(text), text).toThrow(/no address/);
  });

  it('refuses aliases that are patterns', () => {
    for (const alias of ['*', 'a?', '!x', 'a b', 'a"', '-x', 'a#', 'a,b', 'a%h', 'a\tb'])
      expect(aliasProblem(alias)).not.toBeNull();
    expect(aliasProblem('web-01')).toBeNull();
  });
});

describe('known_hosts', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ1v1Xl2lSy0sS5GZ1c5vKYBDmWFK1JqT6xjLQ0r5Zt9';
  // ssh-keygen -H of "[10.0.0.1]:2200 ssh-ed25519 …": hashed by OpenSSH itself below.
  it('finds plain, wildcard and hashed names as ssh-keygen -F does', async () => {
    const { mkdtempSync, writeFileSync, readFileSync, rmSync } = await import('node:fs');
    const dir = mkdtempSync('/tmp/gh-kh-');
    try {
      writeFileSync(`${dir}/k`, `[10.0.0.1]:2200 ssh-ed25519 ${key}\n`);
      execFileSync('ssh-keygen', ['-q', '-H', '-f', `${dir}/k`], { stdio: 'ignore' });
      const hashed = readFileSync(`${dir}/k`, 'utf8');
      expect(hashed).toContain('|1|');
      expect(knownKeys(hashed, '[10.0.0.1]:2200')).toHaveLength(1);
      expect(knownKeys(hashed, '10.0.0.1')).toHaveLength(0);
      expect(forgetHost(hashed, '[10.0.0.1]:2200')).toBe('');
      const shown = execFileSync('ssh-keygen', ['-l', '-f', `${dir}/k`]).toString();
      expect(shown).toContain(fingerprint(key));
    } finally {
      rmSync(dir, { recursive: true });
    }
    expect(knownKeys(`*.example,!bad.example ssh-ed25519 ${key}`, 'good.example')).toHaveLength(1);
    expect(knownKeys(`*.example,!bad.example ssh-ed25519 ${key}`, 'bad.example')).toHaveLength(0);
    expect(knownKeys(`@revoked h ssh-ed25519 ${key}`, 'h')).toHaveLength(0);
  });

  it('changes only its own name, everything else byte for byte', () => {
    const text = `# mine\r\n\na,h ssh-ed25519 ${key} note\n*.h ssh-ed25519 ${key}\nbroken\n@cert-authority h ssh-rsa AAAA\nlast ssh-ed25519 ${key}`;
    const pinned = pinHost(text, 'h', [{ type: 'ssh-ed25519', key: 'QUJD' }]);
    expect(pinned).toBe(`${text.replace('a,h ', 'a ')}\nh ssh-ed25519 QUJD\n`);
    expect(forgetHost(pinned, 'h')).toBe(`${text.replace('a,h ', 'a ')}\n`);
    expect(() => pinHost('', 'a b', [])).toThrow(RangeError);
    expect(parseKnownHosts('x y\n\0\n@odd h t QUJD')).toEqual([]);
  });

  it('files a key under the name ssh uses', () => {
    expect(knownHostName('Web.Example', 22)).toBe('web.example');
    expect(knownHostName('127.0.0.1', 2222)).toBe('[127.0.0.1]:2222');
  });
});

describe('questions and failures', () => {
  it('knows what a question wants', () => {
    const kind = (text: string, hint = 'ask') => classify(text, hint).kind;
    expect(kind("me@host's password: ")).toBe('password');
    expect(kind("Enter passphrase for key '/k': ")).toBe('passphrase');
    expect(kind('(me@host) Verification code: ')).toBe('otp');
    expect(kind('(me@host) One-time password (OATH) for `me`: ')).toBe('otp');
    expect(kind('(me@host) Favourite colour? ')).toBe('text');
    expect(kind('Allow use of key?', 'confirm')).toBe('confirm');
    expect(kind('Confirm user presence', 'none')).toBe('notice');
    const asked = classify(
      "The authenticity of host 'h' can't be established.\nED25519 key fingerprint is SHA256:abc+/1.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ",
      'ask',
    );
    expect(asked).toMatchObject({
      kind: 'host-key',
      hostKey: { type: 'ED25519', fingerprint: 'SHA256:abc+/1' },
    });
  });

  it('knows whom ssh itself names in a question, and nobody in words of the other side', () => {
    expect(hostNamed("me@db.example's password: ")).toBe('db.example');
    expect(hostNamed('(me@db.example) Verification code: ')).toBe('db.example');
    expect(hostNamed("The authenticity of host '[127.0.0.1]:2222 ([127.0.0.1]:2222)' can't be")).toBe(
      '127.0.0.1',
    );
    expect(hostNamed("The authenticity of host 'gate (10.0.0.1)' can't be established.")).toBe('gate');
    expect(hostNamed("Your code (me@bank) or bank's password: ")).toBeNull();
    expect(hostNamed("Enter passphrase for key '/k': ")).toBeNull();
  });

  it('shows control characters instead of obeying them', () => {
    expect(visible('a\x1b[2Jb\r\nc\x07\u202e')).toBe('a␛[2Jb\nc␇␣');
    expect(visible('x'.repeat(5000)).length).toBe(2001);
  });

  it('names each failure of a connection', () => {
    const code = (text: string) => sshFailure(server, text)?.code ?? null;
    expect(code('me@db: Permission denied (publickey,password).')).toBe('auth-failed');
    expect(code('ssh: Could not resolve hostname db: Name or service not known')).toBe('unreachable');
    expect(code('Connection closed by 1.2.3.4 port 22')).toBe('unreachable');
    expect(code('@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.')).toBe(
      'host-key-changed',
    );
    expect(code('No ED25519 host key is known for db and you have requested strict checking.')).toBe(
      'host-key-unknown',
    );
    expect(code('grep: no such file')).toBeNull();
  });
});
