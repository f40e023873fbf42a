import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Home, homeEnv } from '../../e2e/lib/launch.ts';
import { isRoot, root } from '../../scripts/lib/common.mjs';
import { findElectron } from '../../scripts/lib/electron.mjs';
import { pause } from './tools.ts';

/** Electron as a person starts it: no debugger, no inspector, which cost time and memory of their own. */
export interface Running {
  readonly child: ChildProcess;
  /** By performance.now(), when it was started. */
  readonly from: number;
  /** Seconds from the start until an element that `selector` finds stood in the page. */
  readonly shown: Promise<number>;
  /** Runs a script in the page. @returns what it resolves to, by way of JSON */
  evaluate<T>(script: string): Promise<T>;
  close(): Promise<void>;
}

/**
 * What is loaded into the main process before the app: it tells when the page shows what is waited for, and runs
 * scripts it reads from stdin, one a line, in the page.
 */
const hook = (selector: string) => `delete process.env.NODE_OPTIONS;
const tell = (message) => process.stderr.write('bench:' + JSON.stringify(message) + '\\n');
// The electron module is there once Electron's own start is through, and before it is ready for windows.
setImmediate(() => require('electron').app.on('browser-window-created', (_event, window) => {
  window.webContents.once('dom-ready', () => {
    window.webContents.executeJavaScript(\`new Promise((done) => {
      const look = () => document.querySelector(${JSON.stringify(JSON.stringify(selector)).slice(1, -1)}) !== null;
      if (look()) return done();
      const observer = new MutationObserver(() => look() && (observer.disconnect(), done()));
      observer.observe(document, { childList: true, subtree: true });
    })\`).then(() => tell({ shown: true }));
  });
  let rest = '';
  process.stdin.on('data', (chunk) => {
    rest += chunk;
    for (let end; (end = rest.indexOf('\\n')) >= 0; rest = rest.slice(end + 1)) {
      const { id, script } = JSON.parse(rest.slice(0, end));
      window.webContents.executeJavaScript(script).then(
        (value) => tell({ id, value }), (error) => tell({ id, error: String(error) }));
    }
  });
}));
`;

/** Starts `app` (the checkout, or any folder Electron takes) on `display`. */
export function startElectron(app: string, display: string, paths: Home | null, selector: string): Running {
  const runtime = findElectron();
  if (!runtime) throw new Error('There is no Electron: run `node scripts/setup.mjs` first.');
  const dir = mkdtempSync(join(tmpdir(), 'gh-hook-'));
  const file = join(dir, 'hook.cjs');
  writeFileSync(file, hook(selector));
  const env: NodeJS.ProcessEnv = { ...process.env, DISPLAY: display, ...(paths ? homeEnv(paths) : {}) };
  env.NODE_OPTIONS = `--require ${file}`;
  delete env.ELECTRON_RUN_AS_NODE;
  const from = performance.now();
  const child = spawn(runtime.executable, [...(isRoot ? ['--no-sandbox'] : []), app], {
    cwd: root,
    env,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.stdin!.on('error', () => {});
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let count = 0;
  let said = '';
  let ended = false;
  const end = new Promise<void>((resolve) =>
    child.once('exit', () => {
      ended = true;
      resolve();
    }),
  );
  const shown = new Promise<number>((resolve, reject) => {
    let rest = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8');
      said = (said + text).slice(-4000);
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (!line.startsWith('bench:')) continue;
        const message = JSON.parse(line.slice(6));
        if (message.shown) resolve((performance.now() - from) / 1000);
        const asked = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error) asked?.reject(new Error(message.error));
        else asked?.resolve(message.value);
      }
    });
    const fail = (why: string) => {
      const error = new Error(`${why}: ${said}`);
      reject(error);
      for (const asked of waiting.values()) asked.reject(error);
    };
    child.once('error', (error) => fail(error.message));
    void end.then(() => fail('Electron ended'));
    setTimeout(() => reject(new Error(`nothing like ${selector} within 60 s: ${said}`)), 60_000).unref();
  });
  shown.catch(() => {});
  return {
    child,
    from,
    shown,
    evaluate: <T>(script: string) =>
      new Promise<T>((resolve, reject) => {
        const id = ++count;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        child.stdin!.write(`${JSON.stringify({ id, script })}\n`);
      }),
    async close() {
      if (!ended) {
        child.kill('SIGTERM');
        await Promise.race([end, pause(10_000).then(() => child.kill('SIGKILL'))]);
      }
      await end;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** An app of one empty window: what Electron itself costs. */
export function emptyApp(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'gh-empty-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', main: 'main.js' }));
  writeFileSync(
    join(folder, 'main.js'),
    `const { app, BrowserWindow } = require('electron');
app.whenReady().then(() => new BrowserWindow({ width: 1200, height: 800 }).loadURL('data:text/html,<title>empty</title>'));`,
  );
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
