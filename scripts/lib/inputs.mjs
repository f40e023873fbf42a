// Tells whether something made from files is up to date with them.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './common.mjs';

/**
 * A fingerprint of files and folders of the checkout: names, sizes, times of change. Tests are left out, as nothing is
 * built from them.
 * @param {readonly string[]} paths relative to the checkout; what does not exist counts as absent
 */
export function fingerprint(paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    let stat;
    try {
      stat = statSync(join(root, path));
    } catch {
      return;
    }
    if (stat.isDirectory()) {
      for (const name of readdirSync(join(root, path)).sort())
        if (name !== 'node_modules') add(`${path}/${name}`);
    } else if (!/\.test\.tsx?$/.test(path)) hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** The fingerprint kept in `file`, or null. */
export function readStamp(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

export function writeStamp(file, value) {
  writeFileSync(file, value);
}
