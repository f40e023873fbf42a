import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import * as path from 'node:path';

/** Milliseconds of quiet after a change before it is told: ssh-keygen writes several files. */
const quiet = 200;

/**
 * Tells when something changes in `~/.ssh` or the app's key folder: files, and (inotify's IN_ATTRIB) their modes.
 * `~/.ssh` may appear later: home is watched for that name alone.
 * @returns how to stop
 */
export function watchKeys(home: string, appFolder: string, changed: () => void): () => void {
  const ssh = path.join(home, '.ssh');
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (stopped) return;
      join(ssh, soon);
      changed();
    }, quiet);
    timer.unref();
  };
  const join = (folder: string, tell: (name: string | null) => void) => {
    if (watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => tell(name));
      watchers.set(folder, watcher);
      // The folder itself went away or cannot be watched: what is there is read at the next list all the same.
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(folder);
      });
    } catch {
      // not there yet
    }
  };
  mkdirSync(appFolder, { recursive: true, mode: 0o700 });
  join(appFolder, soon);
  join(ssh, soon);
  join(home, (name) => {
    if (name !== '.ssh') return;
    watchers.get(ssh)?.close(); // removed and made anew: the old watch sees nothing any more
    watchers.delete(ssh);
    soon();
  });
  return () => {
    stopped = true;
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  };
}
