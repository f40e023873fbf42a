import { describe, expect, it } from 'vitest';
import { groupLimits } from '../../../shared/model/group.ts';
import { parseFacts } from './facts.ts';
import { diskWords, refused, unheld, unknownDisks } from './unheld.ts';
import { v1Backend } from './v1.ts';
import { v2Backend } from './v2.ts';

const all = 'memory cpu pids io';
const facts = parseFacts(
  `uid 0\ngid 0\nuser root\npressure yes\nv2 /c\nv2-controllers ${all}\ndelegated /c\ndelegated-controllers ${all}\nv1 memory /m /m/guesthouse\nv1 blkio /b /b/guesthouse\ndisk vda 254:0 1000\n`,
);
const v1 = v1Backend(facts, false);
const v2 = v2Backend(facts, facts.delegated!, false);
const limits = (patch: object) => groupLimits.parse(patch);

describe('a limit that is not held is always said', () => {
  it.each(['/dev/vda1', '/dev/vdb', '/dev/mapper/home'])('a disk that is no whole one: %s', (device) => {
    const asked = limits({ io: [{ device, writeBytes: 1 }, { device: '/dev/vda' }] });
    expect(unknownDisks(facts, asked)).toEqual([device]);
    expect(unheld(v2, facts, asked)).toEqual([
      { limit: 'io', how: 'no', why: expect.stringContaining(device), todo: 'Choose one of /dev/vda.' },
    ]);
    expect(diskWords({ ...facts, disks: [] }, [device]).todo).toContain('no disk');
  });

  it('swap alone on version 1, which counts it with memory', () => {
    const alone = limits({ swapMax: 1 << 20 });
    expect(unheld(v1, facts, alone)).toMatchObject([
      { limit: 'swapMax', how: 'no', todo: 'Set a memory limit too.' },
    ]);
    expect(unheld(v1, facts, { ...alone, memoryMax: 1 << 20 })).toEqual([]);
    expect(unheld(v2, facts, alone)).toEqual([]);
  });

  it('what the kernel has no file for, or holds in part', () => {
    const asked = limits({ cpus: 1, memoryHigh: 1 << 20, io: [{ device: '/dev/vda', writeBytes: 1 }] });
    expect(unheld(v1, facts, asked).map(({ limit, how }) => `${limit} ${how}`)).toEqual([
      'memoryHigh no',
      'cpus no',
      'io partly',
    ]);
  });

  it('what the kernel refused, in words', () => {
    const step = (limit: 'swapMax' | 'cpus') => ({ do: 'write' as const, path: '/x', text: '1', limit });
    expect(
      refused([
        { step: step('swapMax'), why: 'memory.memsw.limit_in_bytes: No such file or directory' },
        { step: step('cpus'), why: 'cpu.cfs_quota_us: Invalid argument' },
        { step: { do: 'dir', path: '/y', optional: true }, why: 'nothing of ours' },
      ]).map(({ limit, why }) => [limit, why]),
    ).toEqual([
      ['swapMax', expect.stringContaining('swapaccount=1')],
      ['cpus', expect.stringContaining('than the one it is in')],
    ]);
  });
});
