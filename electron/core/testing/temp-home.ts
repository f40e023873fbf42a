import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { ensureLibrary, type LibraryPaths, libraryPaths } from '../platform/paths.ts';

export interface TempHome {
  readonly home: string;
  /** Environment that makes every program use this home and no other. */
  readonly env: Record<string, string>;
  readonly paths: LibraryPaths;
  /** Removes it all. */
  remove(): void;
}

/** A home of its own with an empty library in it, so that no test touches a person's files. */
export function tempHome(): TempHome {
  const home = mkdtempSync(path.join(tmpdir(), 'gh-'));
  const env = {
    HOME: home,
    XDG_DATA_HOME: path.join(home, 'data'),
    XDG_CACHE_HOME: path.join(home, 'cache'),
    XDG_CONFIG_HOME: path.join(home, 'config'),
    XDG_RUNTIME_DIR: path.join(home, 'run'),
  };
  const paths = libraryPaths(env);
  ensureLibrary(paths);
  return { home, env, paths, remove: () => rmSync(home, { recursive: true, force: true }) };
}
