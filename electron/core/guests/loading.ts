import { toWire } from '../../../shared/errors.ts';
import { type ImagePolicy, withinFolders } from '../disks/index.ts';
import { recoverTransaction } from '../identity/disk-transaction.ts';
import type { Clock } from '../platform/clock.ts';
import { readTextIfAny } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { isAlive } from '../platform/proc.ts';
import { findRun } from '../qemu/process.ts';
import { clearRun, type RunRecord, runFiles } from '../qemu/run-files.ts';
import { type Adopted, adopt, unreachable } from './adopt.ts';
import { readAgreed } from './consent.ts';
import { readCrash, recordCrash } from './crash.ts';
import { describeDisks } from './describe.ts';
import { broughtHome } from './home.ts';
import type { Monitor } from './monitor.ts';
import type { Entry, Registry } from './registry.ts';
import { settleMemory } from './resume.ts';
import { readSaved } from './saved.ts';
import { recoverRevert } from './snapshots/revert.ts';
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
    const runs = await meet(deps, stored, found.record);
    if (runs) return runs;
  }
  if (found.kind === 'crashed') {
    await recordCrash(
      stored.folder,
      deps.clock.now(),
      'QEMU was killed or crashed while Guesthouse was not running.',
    );
    await clearRun(files);
  }
  await settleMemory(stored.folder);
  // Nothing runs: an edit that a kill interrupted is finished or forgotten before anybody uses the disk.
  const recovered = await recoverTransaction(stored.folder);
  await deps.store.dropHalfDone(stored.id);
  const reverted = await recoverRevert(stored.folder);
  const read = recovered === 'none' && !reverted ? stored : await deps.store.read(stored.id);
  const now = await atHome(deps, read);
  const facts = await readFacts(deps, now);
  // Who makes a guest and who looks for new ones may both come here with it.
  return deps.registry.find(now.id) ?? deps.registry.add(now, follow('off', facts.fact), facts.rest);
}

/** A folder that was copied or moved by hand gets a definition that names its own files. */
async function atHome(deps: LoadingDeps, stored: StoredGuest): Promise<StoredGuest> {
  try {
    const home = await broughtHome(stored, (id) => deps.store.read(id));
    if (!home) return stored;
    deps.log.warn(
      `${stored.id} named the files of another folder: it was copied or moved, and has its own now`,
    );
    return await deps.store.write(stored.id, home.domain);
  } catch (error) {
    deps.log.error(`${stored.id}: its definition names the files of another folder`, error);
    return stored;
  }
}

/** Milliseconds: at first, since the list waits for it, and when it is asked again. */
const greeting = { first: 2000, later: 5000 };

/** Adds a guest whose QEMU runs. Null when that ended over it: the files say what is left. */
async function meet(deps: LoadingDeps, stored: StoredGuest, record: RunRecord): Promise<Entry | null> {
  const { clock, registry } = deps;
  const files = runFiles(deps.paths.runtime, stored.id);
  try {
    const adopted = await adopt(files, stored, record, clock, greeting.first);
    if (!adopted) return null;
    const { rest } = await readFacts(deps, stored);
    registry.add(stored, 'running', rest);
    return await follows(deps, stored.id, adopted);
  } catch (error) {
    deps.log.error(`${stored.id}: its QEMU (process ${record.pid}) could not be adopted`, error);
    const { rest } = await readFacts(deps, stored);
    const runningText = await readTextIfAny(files.xml);
    registry.add(stored, 'unreachable', { ...rest, runningText, unreachable: unreachable(record, error) });
    void pursue(deps, stored.id, record).catch((failure) =>
      deps.log.error(`${stored.id}: is not asked any more`, failure),
    );
    return registry.find(stored.id)!;
  }
}

async function follows(deps: LoadingDeps, id: string, { process, runningText }: Adopted): Promise<Entry> {
  const { notes } = process.record;
  deps.monitor.attach(id, process, { state: 'running', unreachable: null, runningText, notes });
  await deps.monitor.sync(id);
  return deps.registry.get(id);
}

/** Asks a QEMU that did not answer again and again, until it does or is gone. */
async function pursue(deps: LoadingDeps, id: string, record: RunRecord): Promise<void> {
  const { clock, registry, monitor } = deps;
  const files = runFiles(deps.paths.runtime, id);
  const waits = () => !monitor.isClosed && registry.find(id)?.state === 'unreachable';
  for (let wait = 200; waits(); wait = Math.min(wait * 2, 5000)) {
    const { stored } = registry.get(id);
    if (!isAlive(record.pid, record.startTime)) {
      await monitor.lostUnmet(id, { files, record });
      await settleMemory(stored.folder);
      await refresh(deps, id);
      return;
    }
    try {
      const adopted = await adopt(files, stored, record, clock, greeting.later);
      if (!waits()) {
        adopted?.process.qmp.close();
        return;
      }
      if (adopted) await follows(deps, id, adopted);
      else {
        await settleMemory(stored.folder);
        registry.update(id, { state: 'off', unreachable: null, runningText: null });
        await refresh(deps, id);
      }
      return;
    } catch (error) {
      if (waits()) registry.update(id, { unreachable: unreachable(record, error) });
      await clock.sleep(wait);
    }
  }
}

/** What a guest's files say of it beside its XML. */
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
