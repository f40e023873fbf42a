import * as path from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.map': 'application/json',
};

/**
 * The file a URL of ours stands for, or null when it stands for none: another host, a way out of `root`, or a kind of
 * file a page has no use for.
 * @param root absolute folder of the built page
 */
export function fileFor(root: string, url: string): string | null {
  let name: string;
  try {
    const parsed = new URL(url);
    if (parsed.protocol !== 'app:' || parsed.host !== 'guesthouse') return null;
    name = decodeURIComponent(parsed.pathname);
  } catch {
    return null;
  }
  if (name.includes('\0') || name.includes('\\')) return null;
  const file = path.join(root, name === '/' ? 'index.html' : name);
  if (!file.startsWith(root + path.sep) || !(path.extname(file) in types)) return null;
  return file;
}

/** Of a file that {@link fileFor} named. */
export function contentType(file: string): string {
  return types[path.extname(file)] ?? 'application/octet-stream';
}
