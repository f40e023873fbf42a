import { describe, expect, it } from 'vitest';
import type { IdentityFacts, IdentityRow } from '../../../shared/model/identity.ts';
import { findDuplicates } from './duplicates.ts';

const row = (
  id: string,
  facts: Partial<IdentityFacts> = {},
  more: Partial<IdentityRow> = {},
): IdentityRow => ({
  kind: 'guest',
  id,
  name: id,
  state: 'Off',
  error: null,
  uuid: `uuid-${id}`,
  macs: [`mac-${id}`],
  verification: 'none',
  writtenAt: null,
  restorable: false,
  facts: {
    source: 'disk',
    readAt: 0,
    machineId: `m-${id}`,
    machineIdState: 'ok',
    dbus: 'link',
    hostname: id,
    hostKeys: [],
    bootId: null,
    os: null,
    seen: null,
    ...facts,
  },
  ...more,
});
const key = (fingerprint: string) => ({ type: 'ssh-ed25519', fingerprint, path: null });

describe('findDuplicates', () => {
  it('finds nothing among machines of their own', () => {
    expect(findDuplicates([row('a'), row('b')])).toEqual([]);
  });

  it('groups by machine-id, explains it, and reports the keys of one pair once', () => {
    const keys = [key('SHA256:1'), key('SHA256:2')];
    const groups = findDuplicates([
      row('a', { machineId: 'same', hostKeys: keys }),
      row('b', { machineId: 'same', hostKeys: keys }),
      row('c'),
    ]);
    expect(groups.map((g) => [g.kind, g.members.map((m) => m.id)])).toEqual([
      ['machine-id', ['a', 'b']],
      ['host-key', ['a', 'b']],
    ]);
    expect(groups[0]).toMatchObject({ severity: 'problem', consequence: expect.stringContaining('address') });
  });

  it('counts empty ids, unread machines and common names as no duplicates', () => {
    const empty = { machineId: null, machineIdState: 'empty' as const, hostname: 'localhost' };
    expect(
      findDuplicates([row('a', empty), row('b', empty), row('c', {}, { facts: null, uuid: null, macs: [] })]),
    ).toEqual([]);
  });

  it("counts what is on a template's disk, not what it is called outside", () => {
    const outside = { uuid: 'same', macs: ['same'] };
    const template = { kind: 'template' as const, ...outside };
    expect(findDuplicates([row('a', {}, outside), row('t', {}, template)])).toEqual([]);
    expect(
      findDuplicates([row('a', { machineId: 'm' }), row('t', { machineId: 'm' }, template)]),
    ).toHaveLength(1);
  });

  it('takes a guest and a server with one key as a pair, and one machine with two equal keys as none', () => {
    const groups = findDuplicates([
      row('a', { hostKeys: [key('SHA256:1'), key('SHA256:1')] }),
      row(
        'a',
        { hostKeys: [key('SHA256:1')], machineId: 'x', hostname: 'other' },
        { kind: 'server', uuid: null, macs: [] },
      ),
    ]);
    expect(groups).toHaveLength(1);
    expect(groups[0]!.members.map((m) => m.kind)).toEqual(['guest', 'server']);
  });
});
