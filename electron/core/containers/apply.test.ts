import { describe, expect, it } from 'vitest';
import { comparisonProblem } from '../../../shared/model/comparison.ts';
import { type Limits, noLimits } from '../../../shared/model/container.ts';
import { guestStates } from '../../../shared/model/guest.ts';
import { differing } from './apply.ts';
import { scopeProperties } from './scope.ts';

const MB = 2 ** 20;
const disk = { device: '/dev/vda', readBps: null, writeBps: MB, readIops: null, writeIops: null };

describe('limits that differ', () => {
  const kinds = (wanted: Partial<Limits>, now: Partial<Limits>, exact: boolean, cpusAbove = '0-3') =>
    differing({ ...noLimits, ...wanted }, { limits: { ...noLimits, ...now }, cpusAbove }, exact);

  it('are none where the kernel rounded, or names the same CPUs otherwise', () => {
    expect(kinds({ memory: MB + 5, swap: 0 }, { memory: MB, swap: 0 }, true)).toEqual([]);
    expect(kinds({ cpuSet: '0-2' }, { cpuSet: '0,1,2' }, true)).toEqual([]);
    expect(kinds({ disk: [disk] }, { disk: [disk] }, true)).toEqual([]);
  });

  it('are those that have to be lifted too, once null means none', () => {
    const held = { memory: MB, swap: MB, cpuSet: '1', pids: 50 };
    expect(kinds({ memory: MB }, held, true)).toEqual(['swap', 'cpuSet', 'pids']);
    // What podman gave by itself is left alone.
    expect(kinds({ memory: MB }, held, false)).toEqual([]);
    expect(kinds({}, held, true)).toEqual(['memory', 'cpuSet', 'pids']);
  });

  it('are not the CPUs it has from above', () => {
    expect(kinds({}, { cpuSet: '0-3' }, true)).toEqual([]);
    expect(kinds({}, { cpuSet: null }, true)).toEqual([]);
    expect(kinds({}, { cpuSet: '2-3' }, true, '2-3')).toEqual([]);
  });
});

describe('the properties of a container’s scope', () => {
  it('hold what is wanted and lift the rest, of these kinds alone', () => {
    const wanted = { ...noLimits, memory: 64 * MB, swap: 0, cpus: 0.255, pids: 20, disk: [disk] };
    expect(scopeProperties(wanted, noLimits, ['memory', 'cpus'])).toEqual([
      `MemoryMax=${64 * MB}`,
      'MemorySwapMax=0',
      'CPUQuota=25.5%',
    ]);
    expect(scopeProperties(wanted, noLimits, ['pids', 'disk'])).toEqual([
      'TasksMax=20',
      'IOReadBandwidthMax=/dev/vda infinity',
      `IOWriteBandwidthMax=/dev/vda ${MB}`,
      'IOReadIOPSMax=/dev/vda infinity',
      'IOWriteIOPSMax=/dev/vda infinity',
    ]);
    expect(
      scopeProperties(noLimits, { ...noLimits, disk: [disk] }, ['swap', 'cpuWeight', 'cpuSet', 'cpus']),
    ).toEqual(['MemoryMax=infinity', 'MemorySwapMax=infinity', 'CPUQuota=', 'CPUWeight=', 'AllowedCPUs=']);
  });
});

it('only guests that can be put back as they were are compared with', () => {
  const refused = guestStates.filter((state) => comparisonProblem(state) !== null);
  expect(refused).toContain('saved');
  expect(refused).toContain('starting');
  for (const state of ['off', 'crashed', 'running', 'paused'] as const) expect(refused).not.toContain(state);
});
