import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { protocol, type Session } from 'electron';

export const origin = 'app://guesthouse';
export const startUrl = `${origin}/index.html`;

/** The page's policy: nothing remote, no inline script, and strings become script nowhere (trusted types). */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

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

/** Must be called before the app is ready. */
export function registerScheme(): void {
  // codeCache came after Electron 25, which ignores it.
  const privileges = { standard: true, secure: true, supportFetchAPI: true, codeCache: true };
  protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges }]);
}

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

/** Serves the built page, with its policy on every answer. */
export function serveScheme(session: Session, root: string): void {
  session.protocol.handle('app', async (request) => {
    const headers: Record<string, string> = {
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
    };
    const file = request.method === 'GET' ? fileFor(root, request.url) : null;
    if (!file) return new Response('Not found', { status: 404, headers });
    try {
      const body = await readFile(file);
      headers['Content-Type'] = types[path.extname(file)]!;
      return new Response(new Uint8Array(body), { headers });
    } catch {
      return new Response('Not found', { status: 404, headers });
    }
  });
}
