import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import type { AcceleratorReport, HostReport } from '../../../shared/model/host.ts';
import { hasUserManager, lingers } from '../platform/detached.ts';
import { readTextIfAny } from '../platform/fs.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { Accelerators } from '../qemu/accelerators.ts';
import { findPrograms } from './programs.ts';
import {
  diskVerdict,
  kvmVerdict,
  logoutVerdict,
  memoryVerdict,
  parseCpuInfo,
  processorVerdict,
  programsVerdict,
  qemuVerdict,
} from './verdicts.ts';

export interface HostDeps {
  readonly paths: LibraryPaths;
  readonly accelerators: Accelerators;
}

/** Milliseconds a report that shall not wait gives a trial whose outcome is mostly known already. */
const shortly = 200;

const trying: AcceleratorReport = {
  chosen: 'tcg',
  kvm: 'trying',
  why: 'KVM is being tried with a real 64-bit guest…',
  triedAt: 0,
};

/**
 * What this computer can do for guests.
 * @param refresh tries the accelerator anew
 * @param wait false answers at once, also while the accelerator is being tried
 */
export async function hostReport(deps: HostDeps, refresh: boolean, wait = true): Promise<HostReport> {
  const user = os.userInfo().username;
  const [cpuText, memoryText, room, programs, manager, staysOn, accelerator] = await Promise.all([
    readTextIfAny('/proc/cpuinfo'),
    readTextIfAny('/proc/meminfo'),
    fs.statfs(deps.paths.data),
    findPrograms(),
    hasUserManager(),
    lingers(),
    wait
      ? deps.accelerators.report(refresh)
      : Promise.race([
          deps.accelerators.report(refresh),
          new Promise<AcceleratorReport>((resolve) => setTimeout(resolve, shortly, trying)),
        ]),
  ]);
  const { hypervisor, ...cpu } = parseCpuInfo(cpuText ?? '');
  const kib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(memoryText ?? '')?.[1] ?? Number.NaN) * 1024;
  const memory = { total: kib('MemTotal') || os.totalmem(), available: kib('MemAvailable') || os.freemem() };
  const disk = {
    path: deps.paths.data,
    total: room.blocks * room.bsize,
    free: room.bavail * room.bsize,
  };
  const version = programs.find((program) => program.name === 'qemu-system-x86_64')?.version ?? null;
  return {
    cpu,
    memory,
    disk,
    qemu: { version },
    accelerator,
    verdicts: [
      processorVerdict({ ...cpu, hypervisor }),
      kvmVerdict(accelerator, user),
      qemuVerdict(version),
      memoryVerdict(memory),
      diskVerdict(disk),
      programsVerdict(programs),
      ...(manager ? [logoutVerdict(staysOn)] : []),
    ],
    programs,
  };
}
