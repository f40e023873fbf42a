import { readFile } from 'node:fs/promises';
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
      headers['Content-Type'] = contentType(file);
      return new Response(new Uint8Array(body), { headers });
    } catch {
      return new Response('Not found', { status: 404, headers });
    }
  });
}
