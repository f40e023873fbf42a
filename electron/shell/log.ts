import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import * as path from 'node:path';
import type { Log } from '../core/index.ts';

/** Bytes after which the log starts anew; the one before is kept as `.1`. */
const maxSize = 1 << 20;

/** Messages of the window's process: to stderr, and to `guesthouse.log` in the cache folder, 0600. */
export function fileLog(cacheDir: string): Log & { readonly file: string } {
  const file = path.join(cacheDir, 'guesthouse.log');
  const write = (level: string, text: string) => {
    const line = `${new Date().toISOString()} ${level} ${text}\n`;
    process.stderr.write(line);
    try {
      mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      if (size > maxSize) renameSync(file, `${file}.1`);
      appendFileSync(file, line, { mode: 0o600 });
    } catch {} // a full disk must not end the app over its log
  };
  return {
    file,
    info: (message) => write('info', message),
    warn: (message) => write('warn', message),
    error: (message, cause) =>
      write(
        'error',
        cause === undefined ? message : `${message}: ${cause instanceof Error ? cause.stack : String(cause)}`,
      ),
  };
}
