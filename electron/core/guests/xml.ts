import * as path from 'node:path';
import { GuesthouseError, toWire } from '../../../shared/errors.ts';
import type { Started, XmlCheck } from '../../../shared/ipc/guests.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import { Domain, domainProps, missingIn, nvramOf, outlineOf } from '../domain/index.ts';
import type { OperationRunner } from '../operations/runner.ts';
import { isInside } from '../platform/fs.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { offeredBy } from '../qemu/offered.ts';
import { problemsIn } from './consent.ts';
import { imagesOutside } from './import-images.ts';
import { lockOf } from './lifecycle.ts';
import { type LoadingDeps, refresh } from './loading.ts';
import { checkSchema } from './schema.ts';
import { assertNameFree, nameKey, nameOf } from './store.ts';
import { isLive } from './transitions.ts';

export interface XmlDeps extends LoadingDeps {
  readonly runner: OperationRunner;
  readonly names: () => Promise<readonly string[]>;
  /** QEMU's program; default `qemu-system-x86_64` on the search path. */
  readonly qemu?: string;
}

/** The XML as a text a person reads, edits and takes along. */
export class GuestXml {
  constructor(private readonly deps: XmlDeps) {}

  async check(text: string): Promise<XmlCheck> {
    let domain: Domain;
    try {
      domain = Domain.parse(text);
    } catch (error) {
      const { message, why } = toWire(error);
      const at = /^Line (\d+), column \d+: (.*)$/s.exec(why ?? '');
      return {
        invalid: { line: at ? Number(at[1]) : null, reason: at?.[2] ?? message },
        name: null,
        uuid: null,
        problems: [],
        images: [],
        nearest: [],
        schema: { state: 'unavailable', messages: [] },
        outline: [],
      };
    }
    const offered = await offeredBy(this.deps.qemu);
    return {
      invalid: null,
      name: domain.get(domainProps.name),
      uuid: domain.uuid,
      problems: problemsIn(this.deps.paths.data, domain, offered),
      images: await imagesOutside(domain, this.deps.paths.data),
      nearest: offered ? missingIn(domain, offered).flatMap((one) => one.nearest ?? []) : [],
      schema: await checkSchema(text, this.deps.paths.runtime),
      outline: outlineOf(domain),
    };
  }

  async export(ref: string): Promise<{ name: string; xml: string }> {
    const { stored } = await refresh(this.deps, this.deps.registry.get(ref).id);
    if (stored.text === '')
      throw new GuesthouseError('not-found', 'This guest has no XML to export.', {
        why: stored.problem?.why,
        subject: stored.id,
      });
    return { name: nameOf(stored), xml: stored.text };
  }

  /** @throws {GuesthouseError} `xml-invalid`, `wrong-state` when it changed meanwhile, `name-taken`, `busy` */
  async set(ref: string, text: string, expected: string): Promise<XmlCheck & Started> {
    const { id } = this.deps.registry.get(ref);
    const domain = Domain.parse(text);
    const check = await this.check(text);
    let operation = '';
    await this.deps.runner.run(
      {
        kind: 'guest.set-xml',
        title: `Editing ${nameOf(this.deps.registry.get(id).stored)}`,
        subject: id,
        lock: lockOf(id),
        cancellable: false,
      },
      async (op) => {
        operation = op.id;
        const before = this.deps.registry.get(id).stored.domain;
        await this.replace(id, domain, expected);
        // A text that was broken is no state to go back to.
        if (before) op.undo(() => this.replace(id, Domain.parse(expected), text));
      },
    );
    return { ...check, operation };
  }

  private replace(id: string, domain: Domain, expected: string): Promise<void> {
    return this.deps.store.inTurn(id, () => this.replaceNow(id, domain, expected));
  }

  private async replaceNow(id: string, domain: Domain, expected: string): Promise<void> {
    const { stored, state } = await refresh(this.deps, id);
    if (stored.text !== expected)
      throw new GuesthouseError('wrong-state', 'The XML was changed meanwhile.', {
        why: 'What is on disk is no longer what this edit began with.',
        todo: 'Look at the XML as it is now, and make the edit again.',
        subject: id,
      });
    const name = domain.get(domainProps.name) ?? '';
    if (nameKey(name) !== nameKey(nameOf(stored))) {
      const problem = nameProblem(name);
      if (problem) throw new GuesthouseError('invalid-input', problem, { subject: id });
      assertNameFree(
        name,
        (await this.deps.names()).filter((other) => nameKey(other) !== nameKey(nameOf(stored))),
      );
    }
    const before = stored.domain?.uuid;
    if (isLive(state) && before && domain.uuid !== before)
      throw new GuesthouseError('wrong-state', 'The UUID of a running guest cannot be changed.', {
        todo: 'Shut it down first.',
        subject: id,
      });
    await refuseOthersDisks(this.deps.paths, domain, stored.folder, stored.domain);
    await this.deps.store.write(id, domain);
    await refresh(this.deps, id);
  }
}

/**
 * Refuses a disk, or a firmware's variable store, that belongs to another guest, a template or the hidden bases. It lies inside the library, so no
 * consent would be asked, and written to it would ruin what stands on it.
 * @param before disks that the guest had already are left as they are
 */
export async function refuseOthersDisks(
  paths: LibraryPaths,
  domain: Domain,
  folder: string,
  before: Domain | null = null,
): Promise<void> {
  const written = (one: Domain) => [
    ...one.disks().flatMap(({ file, device, target }) => (device === 'cdrom' ? [] : [{ file, target }])),
    { file: nvramOf(one)?.file ?? null, target: 'the firmware’s variable store' },
  ];
  const had = new Set(before ? written(before).map(({ file }) => file) : []);
  for (const { file, target } of written(domain)) {
    if (file === null || had.has(file) || !path.isAbsolute(file)) continue;
    const own = path.normalize(file).startsWith(folder + path.sep);
    if (own || !(await isInside(paths.data, file).catch(() => true))) continue;
    throw new GuesthouseError('disk-refused', 'The disk belongs to another machine of this library.', {
      why: `${target} is ${file}. Two machines that write to one disk destroy it.`,
      todo: 'Import the XML with its disks copied, or clone the other machine.',
    });
  }
}
