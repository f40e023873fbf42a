import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { isSeed } from '../cloud-init/seed.ts';
import type { DiskRef } from '../disks/index.ts';
import type { Domain } from '../domain/index.ts';
import { nameKey, nameOf, type StoredGuest } from '../guests/store.ts';

/** A hard disk of a machine: where it hangs, and its image. */
export interface SourceDisk extends DiskRef {
  readonly target: string;
}

/**
 * The hard disks of a stored machine in the domain's order, root first; CDs, floppies and cloud-init
 * seeds are left out.
 * @throws {GuesthouseError} the machine's own problem, or `unsupported` for disks that are no image files
 */
export function sourceDisks(stored: StoredGuest): readonly SourceDisk[] {
  return domainOf(stored)
    .disks()
    .filter((disk) => (disk.device === 'disk' || disk.device === 'lun') && !isSeed(disk))
    .map((disk) => {
      const format = disk.format ?? 'raw';
      if (disk.type !== 'file' || disk.file === null || (format !== 'raw' && format !== 'qcow2'))
        throw new GuesthouseError(
          'unsupported',
          `The disk ${disk.target} of ${nameOf(stored)} cannot be copied.`,
          {
            why: `It is a ${disk.type === 'file' ? `${format} image` : disk.type} and not a raw or qcow2 image file.`,
          },
        );
      return { target: disk.target, path: path.resolve(disk.file), format };
    });
}

/**
 * The template of that id, else of that name.
 * @returns null when there is none
 * @throws {GuesthouseError} `invalid-input` when several are meant
 */
export function templateOf(all: readonly StoredGuest[], ref: string): StoredGuest | null {
  const byId = all.find((stored) => stored.id === ref);
  if (byId) return byId;
  const named = all.filter((stored) => nameKey(nameOf(stored)) === nameKey(ref));
  if (named.length > 1)
    throw new GuesthouseError('invalid-input', `Several templates are named “${ref}”.`, {
      todo: `Use one of their ids: ${named.map(({ id }) => id).join(', ')}.`,
    });
  return named[0] ?? null;
}

/** The domain, or the reason why there is none as an error. */
export function domainOf(stored: StoredGuest): Domain {
  if (stored.domain) return stored.domain;
  throw new GuesthouseError(
    stored.problem?.code ?? 'xml-invalid',
    stored.problem?.message ?? 'It is broken.',
    {
      why: stored.problem?.why,
      todo: stored.problem?.todo,
      subject: stored.id,
    },
  );
}
