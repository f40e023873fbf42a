import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Key, TrashedKey } from '../../../shared/model/key.ts';
import { exists, makePrivateDir, syncDir, writeAtomic } from '../platform/fs.ts';

const meta = z.object({
  name: z.string(),
  location: z.enum(['ssh', 'app']),
  folder: z.string(),
  files: z.array(z.string().regex(/^[^/\0]+$/)),
  deletedAt: z.number(),
});

/** Moves a file; across file systems by copy and unlink. Never overwrites. */
async function move(from: string, to: string): Promise<void> {
  if (await exists(to))
    throw new GuesthouseError('name-taken', `There is a file named ${path.basename(to)} already.`, {
      subject: to,
    });
  try {
    await fs.rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await fs.copyFile(from, to, constants.COPYFILE_EXCL);
    await fs.rm(from);
  }
}

/** Deleted keys, each in a private folder with a note of where it was. */
export class KeyTrash {
  constructor(private readonly folder: string) {}

  async list(): Promise<TrashedKey[]> {
    const ids = await fs.readdir(this.folder).catch(() => [] as string[]);
    const found = await Promise.all(
      ids.map(async (id) => {
        const note = await this.note(id).catch(() => null);
        return note ? { id, name: note.name, location: note.location, deletedAt: note.deletedAt } : null;
      }),
    );
    return found.filter((item) => item !== null).sort((a, b) => b.deletedAt - a.deletedAt);
  }

  /** Moves a key's files here. The note is written first, so that a crash loses no file. */
  async put(key: Pick<Key, 'name' | 'location' | 'path' | 'publicPath'>, now: number): Promise<string> {
    const files = [key.path, key.publicPath].filter((file) => file !== null);
    const id = randomUUID();
    const dir = path.join(this.folder, id);
    await makePrivateDir(dir);
    const note: z.infer<typeof meta> = {
      name: key.name,
      location: key.location,
      folder: path.dirname(files[0]!),
      files: files.map((file) => path.basename(file)),
      deletedAt: now,
    };
    await writeAtomic(path.join(dir, 'key.json'), JSON.stringify(note, null, 2));
    for (const file of files) await move(file, path.join(dir, `file-${path.basename(file)}`));
    await syncDir(note.folder);
    return id;
  }

  /** Puts a key back where it was. @throws {GuesthouseError} `not-found`, `name-taken` */
  async restore(id: string): Promise<{ location: Key['location']; name: string; files: readonly string[] }> {
    const note = await this.note(id);
    await fs.mkdir(note.folder, { recursive: true, mode: 0o700 });
    for (const file of note.files)
      if (await exists(path.join(note.folder, file)))
        throw new GuesthouseError('name-taken', `There is a file named ${file} already.`, {
          todo: 'Rename that one first.',
        });
    for (const file of note.files) {
      const from = path.join(this.folder, id, `file-${file}`);
      if (await exists(from)) await move(from, path.join(note.folder, file));
    }
    await syncDir(note.folder);
    await fs.rm(path.join(this.folder, id), { recursive: true, force: true });
    return note;
  }

  /** Erases everything. Private keys are overwritten first; on a copy-on-write disk that is no guarantee. */
  async empty(): Promise<void> {
    for (const { id } of await this.list()) {
      const dir = path.join(this.folder, id);
      for (const name of await fs.readdir(dir)) {
        const file = path.join(dir, name);
        const stat = await fs.lstat(file);
        if (!stat.isFile()) continue;
        const handle = await fs.open(file, constants.O_WRONLY | constants.O_NOFOLLOW);
        try {
          await handle.write(Buffer.alloc(stat.size), 0, stat.size, 0);
          await handle.sync();
        } finally {
          await handle.close();
        }
      }
      await fs.rm(dir, { recursive: true });
    }
  }

  private async note(id: string): Promise<z.infer<typeof meta>> {
    const file = path.join(this.folder, id, 'key.json');
    if (!/^[0-9a-f-]{36}$/.test(id) || !(await exists(file)))
      throw new GuesthouseError('not-found', 'That deleted key is not there any more.');
    return meta.parse(JSON.parse(await fs.readFile(file, 'utf8')));
  }
}
