import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuesthouseError, toWire } from '../../shared/errors.ts';
import type { Operation } from '../../shared/model/operation.ts';
import type { ClonePlan, CloneResult } from '../../shared/model/template.ts';
import { amount, publicKeysIn, whole } from './commands/create.ts';
import { cancelledText } from './commands/templates.ts';
import { exitCodeOf } from './exit-codes.ts';
import { byName, deletedLines, errorText, facts, Progress, plain, size, table, told } from './output.ts';
import { portPair } from './port-pair.ts';
import { resolve } from './resolve.ts';

describe('a guest is meant', () => {
  const all = [
    { id: 'web-1a2b3c4d', name: 'Web', uuid: '0f9f7b0e-6f5e-4b55-9d7c-aaaaaaaaaaaa' },
    { id: 'db-5e6f7a8b', name: 'db', uuid: null },
    { id: 'odd-11111111', name: 'web-1a2b3c4d', uuid: null },
  ];
  it('by its name without case, its folder, its UUID', () => {
    expect(resolve(all, 'wEB').id).toBe('web-1a2b3c4d');
    expect(resolve(all, 'db-5e6f7a8b').name).toBe('db');
    expect(resolve(all, '0F9F7B0E-6F5E-4B55-9D7C-AAAAAAAAAAAA').name).toBe('Web');
  });
  it('by nothing else: no part of a name', () => {
    expect(() => resolve(all, 'we')).toThrow(
      expect.objectContaining({ code: 'not-found', todo: expect.any(String) }),
    );
    expect(() => resolve(all, '')).toThrow(expect.objectContaining({ code: 'not-found' }));
  });
  it('or not at all when two could be', () => {
    expect(() => resolve(all, 'web-1a2b3c4d')).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });
});

describe('sizes on the command line', () => {
  it('are in the unit of the option unless they say theirs', () => {
    expect(amount('M')('1024')).toBe(1024);
    expect(amount('M')('2G')).toBe(2048);
    expect(amount('M')('1.5GiB')).toBe(1536);
    expect(amount('G')('20')).toBe(20);
    expect(amount('G')('1T')).toBe(1024);
  });
  it.each(['', '0', '-1', '2X', '1e3', '0x10', '1.3M'])('%j is none', (text) => {
    expect(() => amount('M')(text)).toThrow();
  });
  it.each(['', '-1', '1.5', 'two', '99999999999'])('%j is no whole number', (text) => {
    expect(() => whole(text)).toThrow();
  });
});

describe('a key file', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'gh-cli-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  const file = async (text: string) => {
    await writeFile(join(dir, 'key'), text);
    return join(dir, 'key');
  };
  it('gives its public keys, comments and blank lines left out', async () => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbc me@here';
    expect(publicKeysIn(await file(`# mine\r\n${key}\r\n\n${key}\n`))).toEqual([key, key]);
  });
  it.each([
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n'],
    ['something else', 'hello\n'],
    ['nothing', '\n'],
  ])('that is %s is refused', async (_what, text) => {
    const path = await file(text);
    expect(() => publicKeysIn(path)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });
  it('that is not there is said to be so', () => {
    expect(() => publicKeysIn(join(dir, 'none'))).toThrow(expect.objectContaining({ code: 'not-found' }));
  });
});

it('exits with a code that says what kind of failure it was', () => {
  expect(exitCodeOf('not-found')).toBe(3);
  expect(exitCodeOf('wrong-state')).toBe(4);
  expect(exitCodeOf('busy')).toBe(4);
  expect(exitCodeOf('timeout')).toBe(5);
  expect(exitCodeOf('cancelled')).toBe(130);
  expect(exitCodeOf('invalid-input')).toBe(2);
  expect(exitCodeOf('qemu-failed')).toBe(1);
});

describe('what is printed', () => {
  it('cannot drive the terminal, whatever a name or a log holds', () => {
    expect(plain('a\x1b[2Jb\x07\x9bc')).toBe('a�[2Jb��c');
    expect(table(['A'], [['x\ny\x1b[31m']])).toBe('A\nx y�[31m');
  });
  it('stands in columns, also with characters of two code units', () => {
    expect(
      table(
        ['NAME', 'S'],
        [
          ['🏠', 'on'],
          ['long name', 'off'],
        ],
      ),
    ).toBe('NAME       S\n🏠          on\nlong name  off');
    expect(
      facts([
        ['A', '1'],
        ['Long', '2'],
        ['Gone', null],
      ]),
    ).toBe('A:    1\nLong: 2');
  });
  it('says a program’s one line once, and more of them behind it', () => {
    const failed = (detail: string) =>
      errorText(
        toWire(new GuesthouseError('program-failed', 'tar failed.', { why: 'No such file', detail })),
      );
    expect(failed('No such file\n')).toBe('tar failed.\nNo such file');
    expect(failed('first\nNo such file')).toBe('tar failed.\nNo such file\n\nfirst\nNo such file');
  });
  it('tells two of one name apart, and only those', () => {
    const nameOf = told([
      { id: 'a-1', name: 'a' },
      { id: 'a-2', name: 'a' },
      { id: 'b-1', name: 'b' },
    ]);
    expect(['a-1', 'a-2', 'b-1', 'gone'].map(nameOf)).toEqual(['a (a-1)', 'a (a-2)', 'b', 'gone']);
  });
  it('gives sizes people read', () => {
    expect([0, 1023, 1536, 10 * 2 ** 30, 252 * 2 ** 30].map(size)).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '10.0 GiB',
      '252 GiB',
    ]);
  });
});

it('joins two ends of a channel: order kept, nothing lost before the first listener, closed together', async () => {
  const [a, b] = portPair();
  const got: unknown[] = [];
  a.postMessage(1);
  a.postMessage(2);
  await new Promise((done) => setImmediate(() => setImmediate(done)));
  b.onMessage((message) => got.push(message));
  a.postMessage(3);
  const closed = new Promise<void>((done) => b.onClose(done));
  a.close();
  a.postMessage(4);
  await closed;
  expect(got).toEqual([1, 2, 3]);
});

describe('progress without a terminal', () => {
  const operation = (phase: string) => ({ title: 'Waiting for web', phase, fraction: null }) as Operation;
  it('is a line a phase, and one again when a phase goes on for long', () => {
    const lines: string[] = [];
    let now = 0;
    const stream = { isTTY: false, write: (text: string) => lines.push(text) } as never;
    const progress = new Progress(stream, false, () => now);
    for (; now <= 25_000; now += 1000) progress.show(operation(`Waiting for sshd, ${now / 1000} s`));
    progress.show(operation('Done'));
    expect(lines).toEqual([
      'Waiting for web: Waiting for sshd, 0 s\n',
      'Waiting for web: Waiting for sshd, 10 s\n',
      'Waiting for web: Waiting for sshd, 20 s\n',
      'Waiting for web: Done\n',
    ]);
  });
});

describe('what is said of many', () => {
  it('sorts names as people do, capitals and numbers included', () => {
    const names = ['web-10', 'Beta', 'web-9', 'alpha'].map((name) => ({ name }));
    expect(byName(names).map(({ name }) => name)).toEqual(['alpha', 'Beta', 'web-9', 'web-10']);
  });
  it('gives what is deleted a total', () => {
    expect(deletedLines([{ path: '/a', bytes: 1024 }])).toEqual(['  /a (1.0 KiB)']);
    const two = [
      { path: '/a', bytes: 1024 },
      { path: '/b', bytes: 1 << 20 },
    ];
    expect(deletedLines(two).at(-1)).toBe('  2 files, 1.0 MiB in all');
  });
  it('says of a cancelled batch what was made and what was not', () => {
    const items = ['a', 'b', 'c'].map((name) => ({ name }));
    const result = (name: string, id: string | null) => ({ name, id, status: 'made', error: null });
    const text = cancelledText(
      { items } as unknown as ClonePlan,
      [result('b', 'b-1'), result('a', null)] as unknown as CloneResult[],
    );
    expect(text).toBe(
      'Cancelled: 1 of 3 clones were made, and stay.\nMade: b.\nNot made, or removed again: a, c.',
    );
  });
});
