import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError, toWire, type WireError } from '../../../shared/errors.ts';
import { hostnameFrom } from '../../../shared/model/names.ts';
import { Domain, domainProps } from '../domain/index.ts';
import { exists, makePrivateDir, syncDir, syncFolder, writeAtomic } from '../platform/fs.ts';
import { decodeXml } from '../platform/xml-encoding.ts';

/** Bytes of a domain XML that is read at all; libvirt's own are 5 to 20 kB. */
const maxXml = 2 << 20;

export const domainFile = 'domain.xml';

/** Where an image is made that takes a disk's place when it is done. */
export const halfDone = (disk: string): string => `${disk}.next`;

/** A guest as its folder says: either a domain or the reason why there is none. */
export interface StoredGuest {
  /** The folder's name. */
  readonly id: string;
  readonly folder: string;
  /** The kept text; '' when it could not be read. */
  readonly text: string;
  readonly domain: Domain | null;
  readonly problem: WireError | null;
}

/** A folder name for a new guest: its name at birth made plain, and eight digits of its UUID. */
export function folderName(name: string, uuid: string): string {
  return `${hostnameFrom(name).slice(0, 40).replace(/-+$/, '')}-${uuid.slice(0, 8)}`;
}

/** Names are compared so: what looks the same to a person is the same. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** At once: a few kB each, and hundreds of them stand between the start of the app and its list. */
function readXml(file: string): string {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size > maxXml)
      throw new GuesthouseError('xml-invalid', 'The domain XML is too large.', {
        why: `${file} has ${size} bytes; more than ${maxXml} are not read.`,
      });
    return decodeXml(readFileSync(fd), file);
  } finally {
    closeSync(fd);
  }
}

/** The folders of guests (or of templates) on the disk. Nothing is cached: the registry is what remembers. */
export class GuestStore {
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly root: string,
    private readonly staging: string,
  ) {}

  /** All of them. One that cannot be read hides no other. */
  async list(): Promise<StoredGuest[]> {
    return Promise.all((await this.ids()).map((id) => this.read(id)));
  }

  /** The names of their folders. */
  async ids(): Promise<string[]> {
    const entries = await fs.readdir(this.root, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .sort();
  }

  folder(id: string): string {
    // Ids come from our own listing, but also from other processes: never out of the library.
    if (id === '' || id.startsWith('.') || id !== path.basename(id))
      throw new GuesthouseError('not-found', 'There is no such guest.');
    return path.join(this.root, id);
  }

  /** Never rejects for what is wrong with the guest itself. */
  async read(id: string): Promise<StoredGuest> {
    const folder = this.folder(id);
    const file = path.join(folder, domainFile);
    let text = '';
    try {
      text = readXml(file);
      return { id, folder, text, domain: Domain.parse(text), problem: null };
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const problem: WireError = missing
        ? {
            code: 'not-found',
            message: 'This guest’s folder has no domain XML.',
            why: `${file} does not exist.`,
            todo: 'Put the file back, or delete the guest.',
          }
        : toWire(error);
      return { id, folder, text, domain: null, problem };
    }
  }

  /**
   * Edits of one guest's XML follow each other: what is read in `body` is what the last one wrote. Not to be nested.
   * @throws what `body` throws
   */
  async inTurn<T>(id: string, body: () => Promise<T>): Promise<T> {
    const turn = (this.turns.get(id) ?? Promise.resolve()).then(body);
    const over = turn.catch(() => {});
    this.turns.set(id, over);
    try {
      return await turn;
    } finally {
      if (this.turns.get(id) === over) this.turns.delete(id);
    }
  }

  /** Replaces the XML at once or not at all. */
  async write(id: string, domain: Domain): Promise<StoredGuest> {
    const folder = this.folder(id);
    await writeAtomic(path.join(folder, domainFile), domain.text);
    return { id, folder, text: domain.text, domain, problem: null };
  }

  /** A folder to make a guest in; it becomes one by {@link publish}, or is removed by {@link discard}. */
  async stage(id: string): Promise<string> {
    this.folder(id);
    const staged = path.join(this.staging, `${id}.${randomBytes(4).toString('hex')}`);
    await makePrivateDir(staged);
    return staged;
  }

  /** Flushes all that is staged and makes the folder a guest, by one rename. */
  async publish(staged: string, id: string): Promise<StoredGuest> {
    const folder = this.folder(id);
    if (await exists(folder))
      throw new GuesthouseError('name-taken', 'A folder of this name exists already.', { why: folder });
    await syncFolder(staged);
    await fs.rename(staged, folder);
    await syncDir(this.root);
    return this.read(id);
  }

  async discard(staged: string): Promise<void> {
    if (path.dirname(staged) !== this.staging) throw new Error(`${staged} is not staged`);
    await fs.rm(staged, { recursive: true, force: true });
  }

  /** Takes a guest away: out of the list by one rename, then its files. Links in it are removed, not followed. */
  async remove(id: string): Promise<void> {
    const folder = this.folder(id);
    const grave = path.join(this.staging, `${id}.deleted-${randomBytes(4).toString('hex')}`);
    await fs.rename(folder, grave);
    await syncDir(this.root);
    await fs.rm(grave, { recursive: true, force: true });
  }

  /** Removes images that were to take a disk's place ({@link halfDone}) when a kill came. */
  async dropHalfDone(id: string): Promise<void> {
    const folder = this.folder(id);
    for (const name of await fs.readdir(folder).catch(() => [] as string[]))
      if (/\.next(\.part)?$/.test(name)) await fs.rm(path.join(folder, name), { force: true });
  }

  /**
   * Removes what half-made or half-deleted guests left. Only the owner of the library may.
   * @param stays told of what cannot be removed, which is in nobody's way
   */
  async emptyStaging(stays: (file: string, error: unknown) => void): Promise<void> {
    for (const name of await fs.readdir(this.staging)) {
      const file = path.join(this.staging, name);
      await fs.rm(file, { recursive: true, force: true }).catch((error: unknown) => stays(file, error));
    }
  }
}

/** The UUID of a domain XML, also of one that cannot be parsed; lower case. */
export function uuidIn(text: string): string | null {
  return /<uuid>\s*([0-9a-f-]{36})\s*<\/uuid>/i.exec(text)?.[1]?.toLowerCase() ?? null;
}

/** The label people see: the domain's title where it has one would hide its name, so it is the name. */
export function nameOf(stored: StoredGuest): string {
  return stored.domain?.get(domainProps.name)?.trim() || stored.id;
}

/** @throws {GuesthouseError} `name-taken`, compared as people would */
export function assertNameFree(name: string, others: Iterable<string>): void {
  const key = nameKey(name);
  for (const other of others)
    if (nameKey(other) === key)
      throw new GuesthouseError('name-taken', `There is a guest or template named “${other}” already.`, {
        todo: 'Choose another name.',
      });
}
