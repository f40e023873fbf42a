import { rm } from 'node:fs/promises';
import { toWire } from '../../../shared/errors.ts';
import { type ImagePolicy, withinFolders } from '../disks/index.ts';
import { recoverTransaction } from '../identity/disk-transaction.ts';
import type { Clock } from '../platform/clock.ts';
import { readTextIfAny } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { adoptQemu, awaitEnd, endQemu, findRun } from '../qemu/process.ts';
import { clearRun, runFiles } from '../qemu/run-files.ts';
import { readAgreed } from './consent.ts';
import { readCrash, recordCrash } from './crash.ts';
import { describeDisks } from './describe.ts';
import type { Monitor } from './monitor.ts';
import type { Entry, Registry } from './registry.ts';
import { readSaved, savedFiles } from './saved.ts';
import type { GuestStore, StoredGuest } from './store.ts';
import { follow } from './transitions.ts';

export interface LoadingDeps {
  readonly paths: LibraryPaths;
  readonly store: GuestStore;
  readonly registry: Registry;
  readonly monitor: Monitor;
  readonly clock: Clock;
  readonly log: Log;
}

/** Files a guest's images may refer to: those of the library, starter images among them. */
export const libraryPolicy = (paths: LibraryPaths) => withinFolders(paths.data);

/** As {@link libraryPolicy}, and the files a person agreed to for this very guest, looked up when one is outside. */
export function guestPolicy(paths: LibraryPaths, folder: string): ImagePolicy {
  const library = libraryPolicy(paths);
  return {
    allow: async (file) => (await library.allow(file)) || (await readAgreed(folder)).includes(file),
  };
}

/** Reads all guests, and adopts those whose QEMU still runs. One bad guest keeps no other from appearing. */
export async function loadAll(deps: LoadingDeps): Promise<void> {
  const all = await deps.store.list();
  await Promise.all(
    all.map((stored) =>
      loadOne(deps, stored).catch((error) => {
        deps.log.error(`${stored.id} could not be loaded`, error);
        if (!deps.registry.find(stored.id))
          deps.registry.add({ ...stored, domain: null, problem: toWire(error) }, 'broken');
      }),
    ),
  );
}

/** Adds a guest that is new to the registry. */
export async function loadOne(deps: LoadingDeps, stored: StoredGuest): Promise<Entry> {
  const files = runFiles(deps.paths.runtime, stored.id);
  const found = await findRun(files);
  if (found.kind === 'running') {
    const adopted = await adopt(deps, stored, found.record);
    if (adopted) return adopted;
  }
  if (found.kind === 'crashed') {
    await recordCrash(
      stored.folder,
      deps.clock.now(),
      'QEMU was killed or crashed while Guesthouse was not running.',
    );
    await clearRun(files);
  }
  // Nothing runs: an edit that a kill interrupted is finished or forgotten before anybody uses the disk.
  const recovered = await recoverTransaction(stored.folder);
  const now = recovered === 'none' ? stored : await deps.store.read(stored.id);
  const facts = await readFacts(deps, now);
  return deps.registry.add(now, follow('off', facts.fact), facts.rest);
}

async function adopt(
  deps: LoadingDeps,
  stored: StoredGuest,
  record: Parameters<typeof adoptQemu>[1],
): Promise<Entry | null> {
  const files = runFiles(deps.paths.runtime, stored.id);
  const runningText = await readTextIfAny(files.xml);
  const uuid = stored.domain?.uuid ?? /<uuid>\s*([0-9a-f-]{36})\s*<\/uuid>/i.exec(runningText ?? '')?.[1];
  try {
    const process = await adoptQemu(files, record, uuid ?? '');
    if (await readSaved(stored.folder)) {
      // The owner was killed between saving (or before restoring was over) and the end of QEMU: the file holds all.
      await endQemu(process);
      process.qmp.close();
      await awaitEnd(process);
      return null;
    }
    const { status } = await process.qmp.execute<{ status: string }>('query-status');
    if (status === 'postmigrate' || status === 'finish-migrate') {
      // Killed while saving: the guest goes on, half a file goes.
      await rm(savedFiles(stored.folder).temp, { force: true });
      await process.qmp.execute('migrate_cancel');
      await process.qmp.execute('cont');
    }
    const { rest } = await readFacts(deps, stored);
    const entry = deps.registry.add(stored, 'running', { ...rest, runningText, notes: process.record.notes });
    deps.monitor.attach(entry.id, process);
    await deps.monitor.sync(entry.id);
    return deps.registry.find(entry.id)!;
  } catch (error) {
    deps.log.error(`${stored.id}: its QEMU (process ${record.pid}) could not be adopted`, error);
    const { rest } = await readFacts(deps, stored);
    return deps.registry.add(
      {
        ...stored,
        problem: {
          code: 'qemu-failed',
          message: 'This guest runs, but Guesthouse cannot reach it.',
          why: `QEMU, process ${record.pid}, does not answer: ${toWire(error).message}`,
          todo: `End process ${record.pid}, then restart Guesthouse.`,
        },
      },
      'broken',
      rest,
    );
  }
}

async function readFacts(deps: LoadingDeps, stored: StoredGuest) {
  const [described, saved, crash] = await Promise.all([
    stored.domain
      ? describeDisks(stored.domain, guestPolicy(deps.paths, stored.folder))
      : { disks: [], problem: null },
    readSaved(stored.folder),
    readCrash(stored.folder),
  ]);
  return {
    rest: { disks: described.disks, diskProblem: described.problem, crash },
    fact: {
      type: 'files',
      broken: stored.problem !== null || described.problem !== null,
      saved: saved !== null,
      crashed: crash !== null,
    } as const,
  };
}

/** Reads a guest's files again: someone may have edited or moved them. */
export async function refresh(deps: LoadingDeps, id: string): Promise<Entry> {
  const stored = await deps.store.read(id);
  const facts = await readFacts(deps, stored);
  const entry = deps.registry.find(id);
  if (!entry) return deps.registry.add(stored, follow('off', facts.fact), facts.rest);
  return deps.registry.update(id, { stored, ...facts.rest, state: follow(entry.state, facts.fact) });
}
