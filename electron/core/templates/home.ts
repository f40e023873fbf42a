import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { nameProblem } from '../../../shared/model/names.ts';
import { followBacking, inspectImage } from '../disks/index.ts';
import { type Domain, domainProps } from '../domain/index.ts';
import { broughtHome, type Homecoming } from '../guests/home.ts';
import { libraryPolicy } from '../guests/loading.ts';
import { GuestStore, nameKey, nameOf, type StoredGuest } from '../guests/store.ts';
import { exists, readTextIfAny, writeAtomic } from '../platform/fs.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { readSealed, unfinished, writeSealed } from './sealed.ts';
import { sourceDisks } from './sources.ts';

/** In the folder of a template that was renamed, until all that stands on its disk knows: its old names, a line each. */
const movedFile = 'moved-from';

/**
 * The templates of the library. One whose folder somebody copied or moved by hand names the files of another folder: it
 * is given its own before anybody sees it, and a copy a UUID and a name of its own.
 */
export class TemplateStore extends GuestStore {
  constructor(
    paths: Pick<LibraryPaths, 'templates' | 'staging'>,
    private readonly log: Log,
  ) {
    super(paths.templates, paths.staging);
  }

  override async list(): Promise<StoredGuest[]> {
    const all = await super.list();
    const found: StoredGuest[] = [];
    for (const stored of all) found.push(await this.atHome(stored, all));
    return found;
  }

  /** Folders this template had, on which something may still stand: not one that is there again, whoever's it is. */
  async movedFrom(id: string): Promise<string[]> {
    const gone: string[] = [];
    for (const name of await this.oldNames(id))
      if (!(await exists(this.folder(name)))) gone.push(this.folder(name));
    return gone;
  }

  async arrived(id: string): Promise<void> {
    await fs.rm(path.join(this.folder(id), movedFile), { force: true });
  }

  private async oldNames(id: string): Promise<string[]> {
    const names = (await readTextIfAny(path.join(this.folder(id), movedFile)))?.split('\n') ?? [];
    return names.filter((name) => name === path.basename(name) && /^[^.]/.test(name));
  }

  private async atHome(stored: StoredGuest, all: readonly StoredGuest[]): Promise<StoredGuest> {
    try {
      const home = await broughtHome(stored, (id) => this.read(id));
      return home ? await this.inTurn(stored.id, () => this.bring(stored, home, all)) : stored;
    } catch (error) {
      this.log.error(`${stored.id}: its definition names the files of another folder`, error);
      return stored;
    }
  }

  private async bring(
    stored: StoredGuest,
    home: Homecoming,
    all: readonly StoredGuest[],
  ): Promise<StoredGuest> {
    const { id, folder } = stored;
    const now = await this.read(id);
    if (now.text !== stored.text) return now; // somebody else did meanwhile
    const sealed = (await readSealed(home.copied ? home.from : folder)) ?? (await readSealed(folder));
    const lacks = home.copied && sealed ? await unfinished(folder, sealed) : null;
    if (lacks)
      return {
        ...stored,
        domain: null,
        problem: {
          code: 'disk-damaged',
          message: 'This template’s folder is an unfinished copy.',
          why: lacks,
          todo: 'Wait until all of it is copied, or delete it.',
          subject: id,
        },
      };
    const others = all.filter((other) => other.id !== id);
    const own = asItself(home.domain, id, others);
    const beside = path.dirname(home.from) === path.dirname(folder);
    if (!home.copied && beside) {
      const names = new Set([...(await this.oldNames(id)), path.basename(home.from)]);
      await writeAtomic(path.join(folder, movedFile), [...names].join('\n'));
    }
    // What stood on the original's old folder follows the original.
    if (home.copied) await this.arrived(id);
    const brought = { ...stored, domain: own, text: own.text };
    // A copy's files have another time, and nothing stands on them yet.
    if (home.copied && sealed)
      await writeSealed(
        folder,
        sourceDisks(brought).map((disk) => disk.path),
        sealed.sealedAt,
      );
    this.log.warn(
      `the template ${id} named the files of ${home.from}: it was ${home.copied ? 'copied' : 'moved'}, and has its own now`,
    );
    return this.write(id, own);
  }
}

/** With a UUID and a name that no other template has. */
function asItself(domain: Domain, id: string, others: readonly StoredGuest[]): Domain {
  let own = domain;
  if (others.some((other) => other.domain?.uuid === domain.uuid)) {
    const uuid = randomUUID();
    own = own.set(domainProps.uuid, uuid);
    if (own.has(domainProps.sysinfoUuid)) own = own.set(domainProps.sysinfoUuid, uuid);
  }
  const taken = others.some((other) => nameKey(nameOf(other)) === nameKey(own.name));
  return taken && nameProblem(id) === null ? own.set(domainProps.name, id) : own;
}

/**
 * Images of guests and hidden bases that stand on a template's old folder are told its new one.
 * @returns the ids of those that follow now, and of those that cannot yet: a running QEMU holds the image
 */
export async function followTemplate(
  paths: LibraryPaths,
  log: Log,
  from: string,
  to: string,
): Promise<{ readonly followed: readonly string[]; readonly waiting: readonly string[] }> {
  const followed: string[] = [];
  const waiting: string[] = [];
  for (const { id, file, below } of await standingOn(paths, from)) {
    const target = path.join(to, path.relative(from, below.path));
    if (!(await exists(target))) continue; // says so itself
    const { mode } = await fs.stat(file);
    try {
      await fs.chmod(file, mode | 0o200); // a base is read-only
      await followBacking(file, { path: target, format: below.format });
      followed.push(id);
    } catch (error) {
      log.error(`${file} still stands on ${below.path}, which is ${target} now`, error);
      waiting.push(id);
    } finally {
      await fs.chmod(file, mode & 0o7777);
    }
  }
  return { followed, waiting };
}

async function standingOn(paths: LibraryPaths, from: string) {
  const policy = libraryPolicy(paths);
  const found: {
    readonly id: string;
    readonly file: string;
    readonly below: { readonly path: string; readonly format: 'raw' | 'qcow2' };
  }[] = [];
  for (const root of [paths.guests, paths.bases])
    for (const id of await fs.readdir(root)) {
      const folder = path.join(root, id);
      for (const entry of await fs.readdir(folder, { withFileTypes: true }).catch(() => [])) {
        const file = path.join(folder, entry.name);
        if (!entry.isFile() || !entry.name.endsWith('.qcow2')) continue;
        const info = await inspectImage({ path: file, format: 'qcow2' }, policy).catch(() => null);
        const format = info?.backing?.format;
        if (info?.backing?.path.startsWith(`${from}/`) && (format === 'raw' || format === 'qcow2'))
          found.push({ id, file, below: { path: info.backing.path, format } });
      }
    }
  return found;
}
