import { mkdirSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** Where everything is. All absolute. A library is chosen by XDG_DATA_HOME and XDG_RUNTIME_DIR together. */
export interface LibraryPaths {
  /** `$XDG_DATA_HOME/guesthouse`, 0700: what must not be lost. */
  readonly data: string;
  readonly guests: string;
  readonly templates: string;
  /** Hidden read-only disks that became backing files when a guest was cloned. */
  readonly bases: string;
  /** Half-made guests; emptied by the owner at its start. On the same file system as `guests`. */
  readonly staging: string;
  /** The app's own SSH keys. */
  readonly keys: string;
  /** `$XDG_CACHE_HOME/guesthouse`: what can be made again (starter images, packages). */
  readonly cache: string;
  /** `$XDG_CONFIG_HOME/guesthouse`: settings. */
  readonly config: string;
  /** `$XDG_RUNTIME_DIR/guesthouse`, 0700: sockets and pidfiles; gone with a reboot of the host. */
  readonly runtime: string;
  readonly socket: string;
  /** The person's home, `~/.ssh` under it. */
  readonly home: string;
}

/**
 * Derives all paths from the environment (XDG Base Directory Specification). Without XDG_RUNTIME_DIR the runtime
 * folder is `/tmp/guesthouse-<uid>`, which is refused when someone else owns it ({@link ensureLibrary}).
 */
export function libraryPaths(env: NodeJS.ProcessEnv = process.env): LibraryPaths {
  const home = env.HOME || os.homedir();
  const base = (name: string, fallback: string) => {
    const value = env[name];
    return value && path.isAbsolute(value) ? value : path.join(home, fallback);
  };
  const data = path.join(base('XDG_DATA_HOME', '.local/share'), 'guesthouse');
  const runtimeBase = env.XDG_RUNTIME_DIR;
  const runtime =
    runtimeBase && path.isAbsolute(runtimeBase)
      ? path.join(runtimeBase, 'guesthouse')
      : path.join('/tmp', `guesthouse-${os.userInfo().uid}`);
  return {
    data,
    guests: path.join(data, 'guests'),
    templates: path.join(data, 'templates'),
    bases: path.join(data, 'bases'),
    staging: path.join(data, 'staging'),
    keys: path.join(data, 'keys'),
    cache: path.join(base('XDG_CACHE_HOME', '.cache'), 'guesthouse'),
    config: path.join(base('XDG_CONFIG_HOME', '.config'), 'guesthouse'),
    runtime,
    socket: path.join(runtime, 'core.sock'),
    home,
  };
}

/** Makes the folders, all 0700. */
export function ensureLibrary(paths: LibraryPaths): void {
  for (const dir of [
    paths.data,
    paths.guests,
    paths.templates,
    paths.bases,
    paths.staging,
    paths.keys,
    paths.cache,
    paths.config,
    paths.runtime,
  ])
    mkdirSync(dir, { recursive: true, mode: 0o700 });
}
