import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { applyTag, snapshotTags } from '../../disks/index.ts';
import { Domain, domainProps } from '../../domain/index.ts';
import { faultPoint } from '../../platform/fault.ts';
import { exists, readTextIfAny, syncDir, writeAtomic } from '../../platform/fs.ts';
import { removeSaved, savedFiles } from '../saved.ts';
import { domainFile } from '../store.ts';
import { tagOf } from './images.ts';
import { companions, readSnapshots, type StoredSnapshot, writeCurrent } from './store.ts';

/**
 * Going back touches several images and files. A journal is written first, and each step can be repeated: a kill in
 * between is mended before the guest is used again ({@link recoverRevert}).
 */
const journalFile = 'reverting.json';
const journalSchema = z.object({ snapshot: z.string(), name: z.string() });

/**
 * Makes a guest that is off what it was. With memory it is a saved guest afterwards, whose start goes on from there.
 * @param name the guest's name now: a label, which stays
 * @throws {GuesthouseError} `disk-missing` or `not-found` before anything is touched, when the snapshot is not whole
 */
export async function revertTo(folder: string, snapshot: StoredSnapshot, name: string): Promise<void> {
  for (const { target, file } of snapshot.images) {
    const where = `${target}: ${file}`;
    if (!(await exists(file)))
      throw new GuesthouseError('disk-missing', 'A disk of this snapshot is gone.', {
        why: where,
        todo: 'Put the file back, or delete the snapshot.',
      });
    if (!(await snapshotTags(file)).includes(tagOf(snapshot.id)))
      throw new GuesthouseError('not-found', 'A disk does not hold this snapshot any more.', {
        why: where,
        todo: 'Another program may have taken it out. Delete the snapshot.',
      });
  }
  await writeAtomic(path.join(folder, journalFile), JSON.stringify({ snapshot: snapshot.id, name }));
  faultPoint('revert:journal');
  await replay(folder, snapshot, name);
}

/** Ends what a kill stopped. @returns true when there was something to end */
export async function recoverRevert(folder: string): Promise<boolean> {
  const file = path.join(folder, journalFile);
  const text = await readTextIfAny(file);
  if (text === null) return false;
  const { snapshot: id, name } = journalSchema.parse(JSON.parse(text));
  const snapshot = (await readSnapshots(folder)).find((one) => one.id === id);
  if (snapshot) await replay(folder, snapshot, name);
  else await fs.rm(file);
  return true;
}

async function replay(folder: string, snapshot: StoredSnapshot, name: string): Promise<void> {
  await applyTag(
    snapshot.images.map(({ file }) => file),
    tagOf(snapshot.id),
  );
  faultPoint('revert:disks');
  await removeSaved(folder);
  for (const companion of companions) {
    const text = await readTextIfAny(path.join(snapshot.dir, companion));
    const target = path.join(folder, companion);
    if (text === null) await fs.rm(target, { force: true });
    else
      await writeAtomic(
        target,
        companion === domainFile ? Domain.parse(text).set(domainProps.name, name).text : text,
      );
  }
  if (snapshot.memory !== null) {
    const from = savedFiles(snapshot.dir);
    const to = savedFiles(folder);
    // A second name, no copy: neither is ever written to, and resuming removes only the guest's.
    await fs.link(from.memory, to.memory);
    await fs.copyFile(from.xml, to.xml);
    await syncDir(folder);
    await writeAtomic(to.info, await fs.readFile(from.info, 'utf8'));
  }
  await writeCurrent(folder, snapshot.id);
  await fs.rm(path.join(folder, journalFile));
  await syncDir(folder);
}
