import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { isInside } from '../platform/fs.ts';

/** Decides which host files an image may pull in (backing files, external data files). */
export interface ImagePolicy {
  /** True when the file may be opened. `file` is absolute with every symbolic link followed. */
  allow(file: string): boolean | Promise<boolean>;
}

/** The usual policy: files inside the given folders, and nothing else. */
export function withinFolders(...folders: readonly string[]): ImagePolicy {
  return {
    async allow(file) {
      for (const folder of folders) {
        try {
          if (await isInside(folder, file)) return true;
        } catch {} // a folder that does not exist holds nothing
      }
      return false;
    },
  };
}

/** A policy for an image that stands alone: everything it refers to is refused. */
export const standAlone: ImagePolicy = { allow: () => false };

/** `target` with links followed, or as it is when it does not exist. */
export async function realPathIfAny(target: string): Promise<string> {
  try {
    return await fs.realpath(target);
  } catch {
    return path.resolve(target);
  }
}
