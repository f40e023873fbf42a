import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { protocol, type Session } from 'electron';
import { contentType, fileFor } from './page-files.ts';

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

/** Must be called before the app is ready. */
export function registerScheme(): void {
  // codeCache came after Electron 25, which ignores it.
  const privileges = { standard: true, secure: true, supportFetchAPI: true, codeCache: true };
  protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges }]);
}

/**
 * What the window asks for first, by absolute path: read while Chromium starts, when this process has the time. Later
 * it is busy with the library, and each file of the page would wait its turn.
 */
export function readAhead(root: string): ReadonlyMap<string, Buffer> {
  const ahead = new Map<string, Buffer>();
  try {
    const index = path.join(root, 'index.html');
    const html = readFileSync(index);
    ahead.set(index, html);
    for (const [, name] of html.toString('utf8').matchAll(/(?:src|href)="\.\/([\w./-]+)"/g)) {
      const file = path.join(root, name!);
      ahead.set(file, readFileSync(file));
    }
  } catch {
    // Read when it is asked for, and missed there.
  }
  return ahead;
}

/** Serves the built page, with its policy on every answer. */
export function serveScheme(session: Session, root: string, ahead: ReadonlyMap<string, Buffer>): void {
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
      const body = ahead.get(file) ?? (await readFile(file));
      headers['Content-Type'] = contentType(file);
      return new Response(new Uint8Array(body), { headers });
    } catch {
      return new Response('Not found', { status: 404, headers });
    }
  });
}
