import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { DeletePlan, GuestDetail } from '../../../shared/ipc/guests.ts';
import { imageUse } from '../disks/index.ts';
import { Domain, domainProps, el, metaProps, nvramOf } from '../domain/index.ts';
import { isInside, writeAtomic } from '../platform/fs.ts';
import { offeredBy } from '../qemu/offered.ts';
import { findRun } from '../qemu/process.ts';
import { clearRun, runFiles } from '../qemu/run-files.ts';
import { problemsIn, readAgreed } from './consent.ts';
import type { CreateDeps } from './create-spec.ts';
import { type Lifecycle, lockOf } from './lifecycle.ts';
import { refresh } from './loading.ts';
import type { Entry } from './registry.ts';
import { assertNameFree, nameKey, nameOf } from './store.ts';
import { isLive } from './transitions.ts';

/** Changes to a guest's definition, and its end. */
export class Edits {
  constructor(
    private readonly deps: CreateDeps,
    private readonly lifecycle: Lifecycle,
  ) {}

  /** The name is a label: no file moves, so nothing breaks, also while it runs. */
  async rename(ref: string, name: string): Promise<void> {
    const { stored, id } = this.deps.registry.get(ref);
    const own = nameOf(stored);
    const others = (await this.deps.names()).filter((other) => nameKey(other) !== nameKey(own));
    assertNameFree(name, others);
    await this.relabel(id, (domain) => domain.set(domainProps.name, name));
  }

  async setAutostart(ref: string, autostart: boolean): Promise<void> {
    const { id } = this.deps.registry.get(ref);
    await this.relabel(id, (domain) => domain.set(metaProps.autostart, autostart ? true : null));
  }

  async setLabels(
    ref: string,
    labels: { tags?: readonly string[]; description?: string; user?: string | null },
  ): Promise<void> {
    const { id } = this.deps.registry.get(ref);
    await this.relabel(id, (domain) => {
      let next = domain;
      if (labels.description !== undefined)
        next = next.set(domainProps.description, labels.description === '' ? null : labels.description);
      if (labels.user !== undefined) next = next.set(metaProps.sshUser, labels.user);
      if (labels.tags !== undefined) {
        while (next.count('tag') > 0) next = next.remove('tag', 0);
        for (const tag of new Set(labels.tags)) next = next.add('tag', el('gh:tag', {}, tag));
      }
      return next;
    });
  }

  /** What deleting would take away, and what it leaves. */
  async deletePlan(ref: string): Promise<DeletePlan> {
    const { stored } = this.deps.registry.get(ref);
    const removed: { path: string; bytes: number }[] = [];
    await this.walk(stored.folder, removed);
    const kept: { path: string; why: string }[] = [];
    for (const file of filesOf(stored.domain))
      if (!(await isInside(stored.folder, file).catch(() => false)))
        kept.push({ path: file, why: 'It is outside the guest’s own folder.' });
    return { removed, kept };
  }

  /** @throws {GuesthouseError} `wrong-state` when it runs, `template-in-use` when others stand on its disk, `busy` */
  async delete(ref: string): Promise<void> {
    const entry = this.deps.registry.get(ref);
    this.lifecycle.allow(entry, 'delete');
    const { id } = entry;
    await this.deps.runner.run(
      {
        kind: 'guest.delete',
        title: `Deleting ${nameOf(entry.stored)}`,
        subject: id,
        lock: lockOf(id),
        cancellable: false,
      },
      async () => {
        const now = this.deps.registry.get(id);
        this.lifecycle.allow(now, 'delete');
        await this.refuseRunning(now);
        const dependent = this.dependents(now);
        if (dependent.length > 0)
          throw new GuesthouseError('template-in-use', `${nameOf(now.stored)} cannot be deleted.`, {
            why: `The disks of ${dependent.join(', ')} stand on its disk.`,
            todo: 'Delete those first, or make them full clones.',
          });
        await this.deps.store.remove(id);
        await clearRun(runFiles(this.deps.paths.runtime, id));
        await fs.rm(runFiles(this.deps.paths.runtime, id).dir, { recursive: true, force: true });
        this.deps.registry.remove(id);
      },
    );
  }

  /** Everything there is to say of one guest. */
  async detail(
    ref: string,
    commandLine: (entry: Entry) => Promise<GuestDetail['commandLine']>,
  ): Promise<GuestDetail> {
    const { id } = this.deps.registry.get(ref);
    const entry = await refresh(this.deps, id);
    const { domain } = entry.stored;
    const agreed = new Set(await readAgreed(entry.stored.folder));
    const problems = (
      domain ? problemsIn(this.deps.paths.data, domain, await offeredBy(this.deps.qemu)) : []
    ).map((problem) => ({
      ...problem,
      agreed: problem.reaches !== null && agreed.has(problem.reaches),
    }));
    const differs = entry.runningText !== null && entry.runningText !== entry.stored.text;
    return {
      guest: this.deps.registry.row(id),
      xml: entry.stored.text,
      runningXml: differs ? entry.runningText : null,
      problems,
      commandLine: domain ? await commandLine(entry) : null,
    };
  }

  /**
   * Edits what only people see. The running QEMU does not care, so the XML it was started with gets the same edit and
   * the guest is not shown as waiting for a restart.
   */
  private relabel(id: string, edit: (domain: Domain) => Domain): Promise<void> {
    return this.deps.store.inTurn(id, () => this.relabelNow(id, edit));
  }

  private async relabelNow(id: string, edit: (domain: Domain) => Domain): Promise<void> {
    const entry = await refresh(this.deps, id);
    const { domain } = entry.stored;
    if (!domain)
      throw new GuesthouseError('xml-invalid', 'Its domain XML cannot be read, so it cannot be edited.', {
        why: entry.stored.problem?.why,
        todo: 'Mend the XML first.',
        subject: id,
      });
    const stored = await this.deps.store.write(id, edit(domain));
    let { runningText, state } = this.deps.registry.get(id);
    if (runningText !== null && isLive(state)) {
      runningText = edit(Domain.parse(runningText)).text;
      await writeAtomic(runFiles(this.deps.paths.runtime, id).xml, runningText);
    }
    this.deps.registry.update(id, { stored, runningText });
  }

  /** Whatever the state says: nothing is deleted under a QEMU. */
  private async refuseRunning({ id, stored }: Entry): Promise<void> {
    const name = nameOf(stored);
    const found = await findRun(runFiles(this.deps.paths.runtime, id));
    if (found.kind === 'running')
      throw new GuesthouseError('wrong-state', `${name} cannot be deleted: it is running.`, {
        why: `Its QEMU is process ${found.record.pid}.`,
        todo: 'Shut it down or force it off first.',
        subject: id,
      });
    for (const { file, format } of stored.domain?.disks() ?? []) {
      if (file === null || !(await isInside(stored.folder, file).catch(() => false))) continue;
      const use = await imageUse({ path: file, format: format === 'qcow2' ? 'qcow2' : 'raw' }).catch(
        () => 'free',
      );
      if (use === 'written')
        throw new GuesthouseError('disk-in-use', `${name} cannot be deleted: its disk is in use.`, {
          why: `Another program writes to ${file}.`,
          todo: 'End that program first.',
          subject: id,
        });
    }
  }

  private dependents(entry: Entry): string[] {
    const inside = entry.stored.folder + path.sep;
    return this.deps.registry
      .all()
      .filter((other) => other.id !== entry.id && other.disks.some((d) => d.backing?.startsWith(inside)))
      .map((other) => nameOf(other.stored));
  }

  private async walk(dir: string, into: { path: string; bytes: number }[]): Promise<void> {
    for (const entry of await fs.readdir(dir, { withFileTypes: true })) {
      const full = path.join(dir, entry.name);
      if (entry.isDirectory()) await this.walk(full, into);
      else into.push({ path: full, bytes: (await fs.lstat(full)).blocks * 512 });
    }
  }
}

function filesOf(domain: Domain | null): string[] {
  if (!domain) return [];
  const named = [
    ...domain.disks().flatMap((disk) => (disk.file ? [disk.file] : [])),
    ...[domainProps.kernel, domainProps.initrd].flatMap((p) => domain.get(p) ?? []),
    nvramOf(domain)?.file ?? '',
  ];
  return [...new Set(named)].filter((file) => path.isAbsolute(file));
}
