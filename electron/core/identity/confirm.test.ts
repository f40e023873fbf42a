import { describe, expect, it } from 'vitest';
import type { IdentityFacts } from '../../../shared/model/identity.ts';
import { confirm } from './confirm.ts';

const id = '8d1e0c2b7e81d94c0f9a5d1f6c0b277c';
const record = { machineId: id, hostname: 'web', hostKeys: ['SHA256:a'], bootIdThen: 'before' };
const labels = {
  uuid: '5A0B0C0D-0000-4000-8000-000000000001',
  macs: ['52:54:00:00:00:0A', '52:54:00:00:00:0b'],
};
const facts: IdentityFacts = {
  source: 'ssh',
  readAt: 0,
  machineId: id,
  machineIdState: 'ok',
  dbus: 'link',
  hostname: 'web',
  hostKeys: [{ type: 'ssh-ed25519', fingerprint: 'SHA256:a', path: null }],
  bootId: 'after',
  os: null,
  seen: { uuid: '5a0b0c0d-0000-4000-8000-000000000001', macs: ['52:54:00:00:00:0a', '52:54:00:00:00:0b'] },
};
const here = { defined: labels, running: labels };
const seeing = (seen: Partial<NonNullable<IdentityFacts['seen']>>) => ({
  ...facts,
  seen: { ...facts.seen!, ...seen },
});

describe('what a running machine is', () => {
  it('is what was written, in a later boot', () => {
    expect(confirm(record, facts, here)).toBe('verified');
    expect(confirm(record, facts, null)).toBe('verified');
    expect(confirm(record, { ...facts, bootId: 'before' }, here)).toBe('restart-needed');
  });

  it('differs in any one of what was written', () => {
    for (const other of [
      { machineId: 'f'.repeat(32) },
      { hostname: 'db' },
      { hostKeys: [] },
      { dbus: 'different' },
      { dbus: 'empty' },
    ] as const)
      expect(confirm(record, { ...facts, ...other }, here), JSON.stringify(other)).toBe('differs');
    // A value of D-Bus's own is nothing that was written where no machine-id was.
    expect(confirm({ ...record, machineId: null }, { ...facts, dbus: 'different' }, here)).toBe('verified');
    for (const dbus of ['same', 'missing', 'none'] as const)
      expect(confirm(record, { ...facts, dbus }, here), dbus).toBe('verified');
  });

  it('differs where the system sees another UUID or card than its definition has', () => {
    const uuid = '11111111-2222-4333-8444-555555555555';
    expect(confirm(record, seeing({ uuid }), here)).toBe('differs');
    const macs = ['52:54:00:00:00:0a', '52:54:00:00:00:99'];
    expect(confirm(record, seeing({ macs }), here)).toBe('differs');
    // The QEMU that runs was given those before the repair: it must end first.
    expect(confirm(record, seeing({ uuid, macs }), { ...here, running: { uuid, macs } })).toBe(
      'restart-needed',
    );
  });

  it('is not doubted for what the system cannot see, or has beside it', () => {
    expect(confirm(record, seeing({ uuid: null }), here)).toBe('verified');
    expect(confirm(record, seeing({ macs: ['52:54:00:00:00:0a'] }), here)).toBe('verified');
    expect(confirm(record, seeing({ macs: [...facts.seen!.macs, '00:11:22:33:44:55'] }), here)).toBe(
      'verified',
    );
    expect(confirm(record, { ...facts, seen: null }, here)).toBe('verified');
  });
});
