import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { type Home, homeEnv } from '../../e2e/lib/launch.ts';
import { isRoot, root } from '../../scripts/lib/common.mjs';
import { findElectron } from '../../scripts/lib/electron.mjs';
import { pause } from './tools.ts';

/** Electron as a person starts it: without a test's inspector, and looked into through its debugging port. */
export interface Running {
  readonly child: ChildProcess;
  readonly page: Page;
  /** By performance.now(), when it was started. */
  readonly from: number;
  close(): Promise<void>;
}

/** Starts `app` (the checkout, or any folder Electron takes) on `display` and joins its first window. */
export async function startElectron(app: string, display: string, paths: Home | null): Promise<Running> {
  const runtime = findElectron();
  if (!runtime) throw new Error('There is no Electron: run `node scripts/setup.mjs` first.');
  const args = ['--remote-debugging-port=0', ...(isRoot ? ['--no-sandbox'] : []), app];
  const env: NodeJS.ProcessEnv = { ...process.env, DISPLAY: display, ...(paths ? homeEnv(paths) : {}) };
  delete env.ELECTRON_RUN_AS_NODE;
  const from = performance.now();
  const child = spawn(runtime.executable, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let browser: Browser | null = null;
  const close = async () => {
    await browser?.close().catch(() => {});
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await Promise.race([ended, pause(10_000).then(() => child.kill('SIGKILL'))]);
    }
  };
  try {
    const address = await devtools(child, ended);
    browser = await chromium.connectOverCDP(address);
    const context = browser.contexts()[0]!;
    const page = context.pages()[0] ?? (await context.waitForEvent('page', { timeout: 30_000 }));
    return { child, page, from, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function devtools(child: ChildProcess, ended: Promise<void>): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-65536);
      const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (found) resolve(found);
    });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`Electron ended: ${said.slice(-2000)}`)));
  });
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
