import { describe, expect, it } from 'vitest';
import { type HostFacts, type LimitKind, limitKinds, noLimits } from '../../../shared/model/container.ts';
import { diskCeiling } from './limit-words.ts';
import { formOf, limitsOf, refusals } from './limits-form.ts';

const facts = (refused: readonly LimitKind[] = []): HostFacts => ({
  version: '4.3.1',
  rootless: false,
  user: 'root',
  cgroups: 'v2',
  manager: 'systemd',
  runtime: 'crun',
  arch: 'amd64',
  cpus: 2,
  memory: 2 ** 30,
  devices: [{ path: '/dev/vda', size: 2 ** 30 }],
  needs: [],
  selinux: false,
  sudoWorks: false,
  limits: limitKinds.map((kind) => ({
    kind,
    ok: !refused.includes(kind),
    why: refused.includes(kind) ? 'No.' : null,
    todo: null,
  })),
});

describe('limits as one types them', () => {
  it('go there and back', () => {
    const limits = {
      ...noLimits,
      memory: 64 << 20,
      swap: 0,
      cpus: 0.5,
      pids: 50,
      netUp: 8e6,
      disk: [{ device: '/dev/vda', readBps: 1 << 20, writeBps: null, readIops: null, writeIops: 100 }],
    };
    expect(limitsOf(formOf(limits, facts()), limits, facts()).limits).toEqual(limits);
    expect(limitsOf(formOf(noLimits, facts()), noLimits, facts()).limits).toEqual(noLimits);
  });

  it('forbid swap beside memory unless one says otherwise', () => {
    const form = { ...formOf(noLimits, facts()), memory: 64 };
    expect(limitsOf(form, noLimits, facts()).limits).toMatchObject({ memory: 64 << 20, swap: 0 });
    expect(limitsOf(form, noLimits, facts(['swap'])).limits).toMatchObject({ memory: 64 << 20, swap: null });
  });

  it('keep what the host cannot hold out, and say why once', () => {
    const form = { ...formOf(noLimits, facts()), memory: 64, cpus: 1 };
    expect(limitsOf(form, noLimits, facts(['memory', 'swap'])).limits).toMatchObject({
      memory: null,
      cpus: 1,
    });
    expect(refusals(facts(['memory', 'swap']))).toEqual([
      { why: 'No.', todo: null, kinds: ['memory', 'swap'] },
    ]);
  });

  it('say what is wrong where it is', () => {
    const form = { ...formOf(noLimits, facts()), memory: 0.1, cpus: 3, cpuSet: '0;1' };
    const { limits, problems } = limitsOf(form, noLimits, facts());
    expect(limits).toBeNull();
    expect(Object.keys(problems).sort()).toEqual(['cpuSet', 'cpus', 'memory']);
  });
});

describe('what a graph of a disk may reach', () => {
  const one = { device: '/dev/vda', readBps: null, writeBps: 1 << 20, readIops: 5, writeIops: null };
  it('is the limit of its direction, named by disk', () => {
    expect(diskCeiling([one], 'readBps')).toBeNull();
    expect(diskCeiling([one], 'writeBps')).toEqual({ words: 'of 1 MiB/s on vda', value: 1 << 20 });
    expect(diskCeiling([one, { ...one, device: '/dev/vdb' }], 'writeBps')).toMatchObject({
      words: expect.stringContaining('2 disks'),
      value: 2 << 20,
    });
  });
});
