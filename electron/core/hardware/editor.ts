import * as fs from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { Changed, HardwareChange } from '../../../shared/ipc/hardware.ts';
import { growDisk, inspectImage } from '../disks/index.ts';
import { completeDomain, Domain } from '../domain/index.ts';
import { addAgreed } from '../guests/consent.ts';
import type { CreateDeps } from '../guests/create-spec.ts';
import { serialLog } from '../guests/launch.ts';
import { lockOf } from '../guests/lifecycle.ts';
import { guestPolicy, refresh } from '../guests/loading.ts';
import type { Entry } from '../guests/registry.ts';
import { nameOf } from '../guests/store.ts';
import { isLive } from '../guests/transitions.ts';
import { refuseOthersDisks } from '../guests/xml.ts';
import type { OperationContext } from '../operations/runner.ts';
import { writeAtomic } from '../platform/fs.ts';
import { runFiles } from '../qemu/run-files.ts';
import { diskIndex } from './drives.ts';
import { applyLive, type LiveGuest, whyNotLive } from './live.ts';
import { type Edit, type Prepared, prepare, runningOf } from './prepare.ts';
import { revertPart } from './revert.ts';
import { wordsOf } from './words.ts';

/** How to take a change back that reached the running machine. */
interface LiveUndo {
  readonly from: Domain;
  readonly to: Domain;
  /** What ran before. */
  readonly text: string;
}

/** Changes of a guest's hardware: in its XML, and in the QEMU that runs where that can be. */
export class HardwareEditor {
  constructor(private readonly deps: CreateDeps) {}

  async change(ref: string, change: HardwareChange, when: 'best' | 'next-start'): Promise<Changed> {
    const { id } = this.deps.registry.get(ref);
    return this.job(id, 'hardware.change', wordsOf(change), async (op) => {
      if (change.do === 'grow-disk') {
        await this.grow(id, change.target, change.size, op);
        return { operation: op.id, when: 'now', why: null };
      }
      const entry = await this.entry(id);
      const stored = entry.stored.domain!;
      const running = runningOf(entry);
      const prepared = await prepare(this.deps, entry, stored, running, change);
      try {
        return { ...(await this.make(entry, stored, running, change, prepared, when, op)), operation: op.id };
      } catch (error) {
        if (prepared.made) await fs.rm(prepared.made, { force: true });
        throw error;
      }
    });
  }

  /** Takes back what waits for the next start. */
  async revert(ref: string, part: string | null): Promise<Started> {
    const { id } = this.deps.registry.get(ref);
    return this.job(id, 'hardware.revert', 'Hardware as it runs', async (op) => {
      const entry = await this.entry(id);
      if (entry.runningText === null)
        throw new GuesthouseError('wrong-state', 'Nothing waits for a next start.', {
          why: 'The guest does not run: its hardware is what it will start with.',
        });
      const before = entry.stored.domain!;
      const after = revertPart(before, Domain.parse(entry.runningText), part);
      await this.write(entry, before, after);
      op.undo(() => this.restore(id, after.text, before.text, null));
      return { operation: op.id };
    });
  }

  private async job<T>(
    id: string,
    kind: string,
    what: string,
    work: (op: OperationContext) => Promise<T>,
  ): Promise<T> {
    const { registry, runner, store } = this.deps;
    const title = `${nameOf(registry.get(id).stored)}: ${what}`;
    const spec = { kind, title, subject: id, lock: lockOf(id), cancellable: false };
    return runner.run(spec, (op) => store.inTurn(id, () => work(op)));
  }

  /** @throws `xml-invalid` when there is nothing to edit */
  private async entry(id: string): Promise<Entry> {
    const entry = await refresh(this.deps, id);
    if (!entry.stored.domain)
      throw new GuesthouseError('xml-invalid', 'Its domain XML cannot be read, so it cannot be edited.', {
        why: entry.stored.problem?.why,
        todo: 'Mend the XML first.',
        subject: id,
      });
    return entry;
  }

  private async make(
    entry: Entry,
    stored: Domain,
    running: Domain | null,
    change: HardwareChange,
    { edit, structural, reaches }: Prepared,
    when: 'best' | 'next-start',
    op: OperationContext,
  ): Promise<Omit<Changed, 'operation'>> {
    const whole: Edit = structural ? (domain) => completeDomain(edit(completeDomain(domain))) : edit;
    const after = whole(stored);
    await refuseOthersDisks(this.deps.paths, after, entry.stored.folder, stored);
    const from = running && completeDomain(running);
    const to = from && tryEdit(from, whole);
    let why: string | null = null;
    if (from)
      why =
        when === 'next-start'
          ? 'that was asked for'
          : to === null
            ? 'the running guest differs from its XML'
            : whyNotLive(change, from, to);
    if (reaches.length > 0) await addAgreed(entry.stored.folder, reaches);
    if (!from || !to || why !== null) {
      await this.write(entry, stored, after);
      op.undo(() => this.restore(entry.id, after.text, stored.text, null));
      return { when: 'next-start', why };
    }
    await applyLive(this.live(entry, op), from, to);
    // What ran and what was wished were one text: they stay one.
    const together = entry.runningText === stored.text && structural ? to : after;
    // A change of a value leaves the rest of both texts as it stands.
    await this.nowRuns(entry, structural ? to.text : edit(running!).text);
    await this.write(entry, stored, together);
    op.undo(() =>
      this.restore(entry.id, together.text, stored.text, { from: to, to: from, text: running!.text }),
    );
    return { when: 'now', why: null };
  }

  /** Undo: the text as it was, and the running machine too where the change had reached it. */
  private restore(id: string, expected: string, text: string, live: LiveUndo | null): Promise<void> {
    return this.deps.store.inTurn(id, () => this.restoreNow(id, expected, text, live));
  }

  private async restoreNow(id: string, expected: string, text: string, live: LiveUndo | null): Promise<void> {
    const entry = await this.entry(id);
    if (entry.stored.text !== expected)
      throw new GuesthouseError('wrong-state', 'The hardware was changed again meanwhile.', {
        todo: 'Change it back by hand.',
        subject: id,
      });
    if (live && entry.process && isLive(entry.state)) {
      await applyLive(this.live(entry), live.from, live.to);
      await this.nowRuns(entry, live.text);
    }
    await this.write(entry, entry.stored.domain!, Domain.parse(text));
  }

  private live(entry: Entry, op?: OperationContext): LiveGuest {
    const { process, stored, id } = entry;
    return {
      qmp: process!.qmp,
      run: {
        ...runFiles(this.deps.paths.runtime, id),
        serialLog: serialLog(stored.folder),
        accelerator: process!.record.accelerator,
      },
      signal: op?.signal,
    };
  }

  /** The XML of what runs, from which "takes effect at the next start" is told. */
  private async nowRuns(entry: Entry, text: string): Promise<void> {
    await writeAtomic(runFiles(this.deps.paths.runtime, entry.id).xml, text);
    this.deps.registry.update(entry.id, { runningText: text });
  }

  private async write(entry: Entry, before: Domain, after: Domain): Promise<void> {
    if (before.text !== after.text) await this.deps.store.write(entry.id, after);
    await refresh(this.deps, entry.id);
  }

  /** Bytes are rounded to whole mebibytes. */
  private async grow(id: string, target: string, size: number, op: OperationContext): Promise<void> {
    const entry = await this.entry(id);
    const domain = runningOf(entry) ?? entry.stored.domain!;
    const disk = domain.disks()[diskIndex(domain, target)]!;
    const bytes = Math.round(size * 1024) * 2 ** 20;
    if (disk.file === null || disk.device !== 'disk' || disk.type !== 'file')
      throw new GuesthouseError('invalid-input', `${target} is no disk image that can grow.`);
    const format = disk.format ?? 'raw';
    if (format !== 'raw' && format !== 'qcow2')
      throw new GuesthouseError('unsupported', `Images of format ${format} cannot grow.`);
    this.refuseGrownBase(entry, disk.file);
    op.phase('Growing the disk');
    const policy = await guestPolicy(this.deps.paths, entry.stored.folder);
    if (entry.process && isLive(entry.state)) {
      const { virtualSize } = await inspectImage({ path: disk.file, format }, policy);
      if (bytes < virtualSize)
        throw new GuesthouseError(
          'invalid-input',
          'A disk cannot be made smaller: that would cut its content off.',
        );
      await entry.process.qmp.execute('block_resize', {
        'node-name': await this.topNode(entry, target),
        size: bytes,
      });
    } else {
      if (entry.state === 'saved')
        throw new GuesthouseError('wrong-state', 'The saved system knows its disk by its old size.', {
          todo: 'Resume it, or discard its saved memory.',
        });
      await growDisk({ path: disk.file, format }, bytes, policy);
    }
    await refresh(this.deps, id);
  }

  /** What hangs at the device now: a throttle node, or the image itself, or an overlay over it. */
  private async topNode(entry: Entry, target: string): Promise<string> {
    const blocks =
      await entry.process!.qmp.execute<{ qdev?: string; inserted?: { 'node-name'?: string } }[]>(
        'query-block',
      );
    const found = blocks.find(
      ({ qdev }) =>
        qdev === `disk-${target}` || qdev?.includes(`/disk-${target}/`) || qdev?.endsWith(`/disk-${target}`),
    );
    const node = found?.inserted?.['node-name'];
    if (!node) throw new GuesthouseError('not-found', `The running guest has no disk ${target}.`);
    return node;
  }

  private refuseGrownBase(entry: Entry, file: string): void {
    const other = this.deps.registry
      .all()
      .find(({ id, disks }) => id !== entry.id && disks.some((disk) => disk.backing === file));
    if (other)
      throw new GuesthouseError('template-in-use', 'This disk cannot grow.', {
        why: `The disk of ${nameOf(other.stored)} stands on it.`,
      });
  }
}

/** The running domain may lack what is changed; then the change is for the next start. */
function tryEdit(domain: Domain, edit: Edit): Domain | null {
  try {
    return edit(domain);
  } catch (error) {
    if (error instanceof GuesthouseError) return null;
    throw error;
  }
}
