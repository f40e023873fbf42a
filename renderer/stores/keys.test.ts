// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from 'vitest';
import { GuesthouseError } from '../../shared/errors.ts';
import type { Key, KeyCopy, KeyList, PermissionProblem } from '../../shared/model/key.ts';
import { fakeBridge } from '../testing/fake-bridge.ts';
import { allProblems, copyGoesOn, offerableKeys, useKeys } from './keys.ts';

const problem = (path: string): PermissionProblem => ({
  path,
  what: 'private-key',
  kind: 'too-open',
  mode: 0o644,
  wanted: 0o600,
  problem: 'Others can read this private key.',
  consequence: 'ssh refuses to use it.',
  severity: 'refused',
  fixable: true,
  command: `chmod 600 ${path}`,
});
const key = (name: string, patch: Partial<Key> = {}): Key => ({
  id: `ssh:${name}`,
  name,
  location: 'ssh',
  path: `/home/mara/.ssh/${name}`,
  publicPath: `/home/mara/.ssh/${name}.pub`,
  type: 'ED25519',
  bits: 256,
  fingerprint: 'SHA256:abc',
  noFingerprint: null,
  randomart: null,
  comment: '',
  encrypted: false,
  inAgent: false,
  modifiedAt: 0,
  problems: [],
  unreadable: null,
  usedBy: [],
  ...patch,
});
const list = (keys: readonly Key[], problems: readonly PermissionProblem[] = []): KeyList => ({
  keys,
  problems,
  agent: 'none',
  sshFolder: '/home/mara/.ssh',
  appFolder: '/home/mara/.local/share/guesthouse/keys',
  securityKey: false,
  trash: [],
});

describe('the keys', () => {
  beforeEach(() => useKeys.setState({ list: null, error: null, loading: false }));

  it('are asked for once more when they changed during a look, and not once a change', async () => {
    const bridge = fakeBridge();
    let asked = 0;
    bridge.answer({ 'keys.list': async () => list([key(`look-${++asked}`)]) });
    window.guesthouse = bridge;
    await Promise.all([1, 2, 3, 4].map(() => useKeys.getState().fetch()));
    await expect.poll(() => useKeys.getState().loading).toBe(false);
    expect(asked).toBe(2);
    expect(useKeys.getState().list?.keys[0]?.name).toBe('look-2');
  });

  it('stay when a look fails, and the failure is told', async () => {
    const bridge = fakeBridge();
    window.guesthouse = bridge;
    bridge.answer({ 'keys.list': () => list([key('laptop')]) });
    await useKeys.getState().fetch();
    bridge.answer({
      'keys.list': () => {
        throw new GuesthouseError('program-missing', 'ssh-keygen is not installed.');
      },
    });
    await useKeys.getState().fetch();
    expect(useKeys.getState()).toMatchObject({
      error: { code: 'program-missing' },
      list: { keys: [{ name: 'laptop' }] },
    });
  });

  it('show each wrong permission once', () => {
    const shared = problem('/home/mara/.ssh');
    const all = allProblems(list([key('a', { problems: [problem('/a'), shared] })], [shared]));
    expect(all.map(({ path }) => path)).toEqual(['/home/mara/.ssh', '/a']);
  });

  it('are offered with the best one first, and none that has no public half', () => {
    const keys = offerableKeys(
      list([
        key('old', { type: 'RSA' }),
        key('refused', { problems: [problem('/refused')] }),
        key('pem', { publicPath: null, fingerprint: null }),
        key('good'),
      ]),
    );
    expect(keys.map(({ name }) => name)).toEqual(['good', 'old', 'refused']);
  });
});

it.each([
  ['waiting', true],
  ['connecting', true],
  ['checking', true],
  ['copied', false],
  ['unconfirmed', false],
  ['failed', false],
  ['cancelled', false],
] as const)('a copy with a host that is %s goes on: %s', (status, goesOn) => {
  const copy: KeyCopy = {
    operation: 'op',
    keyId: 'ssh:a',
    keyName: 'a',
    hosts: [{ target: 't', name: 't', status, error: null, log: [] }],
  };
  expect(copyGoesOn(copy)).toBe(goesOn);
});
