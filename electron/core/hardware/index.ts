import * as fs from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { hardwareCalls } from '../../../shared/ipc/channels.ts';
import type { HardwareView } from '../../../shared/model/hardware.ts';
import type { Handlers } from '../api.ts';
import { Domain } from '../domain/index.ts';
import type { CreateDeps } from '../guests/create-spec.ts';
import { refresh } from '../guests/loading.ts';
import type { Entry } from '../guests/registry.ts';
import { savedFiles } from '../guests/saved.ts';
import { isLive } from '../guests/transitions.ts';
import { readTextIfAny } from '../platform/fs.ts';
import { findProgram } from '../qemu/accelerators.ts';
import { type CompareSurroundings, createCompare } from './compare.ts';
import { differences } from './differences.ts';
import { findDirectBoot } from './direct-boot.ts';
import { HardwareEditor } from './editor.ts';
import { planKind } from './kinds.ts';
import { hardwareOf } from './model.ts';
import { hostUsbDevices } from './usb.ts';

export interface HardwareDeps extends CreateDeps {
  readonly compare: CompareSurroundings;
}

/** Looking at and changing what a guest's machine is made of. */
export function createHardware(deps: HardwareDeps): {
  readonly handlers: Handlers<(typeof hardwareCalls)[number]>;
} {
  const editor = new HardwareEditor(deps);
  const compare = createCompare(deps);

  async function view(ref: string): Promise<HardwareView> {
    const entry = await refresh(deps, deps.registry.get(ref).id);
    const { domain } = entry.stored;
    if (!domain)
      throw new GuesthouseError('xml-invalid', 'Its domain XML cannot be read.', {
        why: entry.stored.problem?.why,
        subject: entry.id,
      });
    const wanted = hardwareOf(domain);
    const runs = entry.process !== null && isLive(entry.state) && entry.runningText !== null;
    const running = runs ? hardwareOf(Domain.parse(entry.runningText!)) : null;
    return {
      wanted,
      running,
      pending: running ? differences(running, wanted) : [],
      balloonNow: running?.memory.balloon ? await balloonOf(entry) : null,
      unusedDisks: await unusedDisks(entry),
      host: {
        processors: availableParallelism(),
        memory: Math.floor(totalmem() / 2 ** 20),
        tpm: (await findProgram('swtpm')) !== null,
      },
    };
  }

  async function balloonOf(entry: Entry): Promise<number | null> {
    return entry
      .process!.qmp.execute<{ actual: number }>('query-balloon')
      .then(({ actual }) => actual)
      .catch(() => null); // the guest has no driver for it, or is just ending
  }

  /** Images that this app made for a disk that was taken out since. */
  async function unusedDisks(entry: Entry): Promise<HardwareView['unusedDisks']> {
    const { folder } = entry.stored;
    // A saved memory goes on with the disks it had.
    const savedText = (await readTextIfAny(savedFiles(folder).xml)) ?? '';
    const texts = [entry.stored.text, entry.runningText ?? '', savedText];
    const used = new Set(
      deps.registry.all().flatMap(({ disks }) => disks.flatMap((d) => [d.file, d.backing])),
    );
    const names = (await fs.readdir(folder)).filter((name) => /^disk-[a-z]+-[0-9a-f]{6}\.qcow2$/.test(name));
    const free = names.filter(
      (name) => !used.has(path.join(folder, name)) && !texts.some((text) => text.includes(name)),
    );
    return Promise.all(
      free.sort().map(async (name) => {
        const file = path.join(folder, name);
        return { file, size: (await fs.stat(file)).blocks * 512 };
      }),
    );
  }

  return {
    handlers: {
      'hardware.view': ({ id }) => view(id),
      'hardware.change': ({ id, change, when }) => editor.change(id, change, when),
      'hardware.revert': ({ id, part }) => editor.revert(id, part),
      'hardware.deleteDisk': async ({ id, file }) => {
        const entry = await refresh(deps, deps.registry.get(id).id);
        if (!(await unusedDisks(entry)).some((disk) => disk.file === file))
          throw new GuesthouseError('wrong-state', 'This file is no unused disk of the guest.', {
            why: file,
          });
        await fs.rm(file);
      },
      'hardware.usbDevices': () => hostUsbDevices(),
      'hardware.planKind': async ({ id, kind }) => {
        const entry = await refresh(deps, deps.registry.get(id).id);
        const { domain } = entry.stored;
        if (!domain) throw new GuesthouseError('xml-invalid', 'Its domain XML cannot be read.');
        return planKind(domain, kind, await findDirectBoot(deps.paths, entry, domain, kind));
      },
      'hardware.compare': ({ id, kinds }) => compare.start(id, kinds),
      'hardware.comparison': ({ id }) => compare.last(id),
    },
  };
}
