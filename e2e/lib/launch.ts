import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { _electron, type ElectronApplication, type Page } from 'playwright';
import { root as checkout } from '../../scripts/lib/common.mjs';
import { hasDisplay, startXvfb } from '../../scripts/lib/display.mjs';
import { findElectron } from '../../scripts/lib/electron.mjs';

/** A person's folders, all of them temporary. */
export interface Home {
  /** The folder that holds all others; short, since socket paths under it must stay below 108 bytes. */
  readonly root: string;
  readonly home: string;
  readonly data: string;
  readonly config: string;
  readonly cache: string;
  readonly runtime: string;
}

export interface LaunchOptions {
  /** Added to the app's environment, and able to override it. */
  env?: Readonly<Record<string, string>>;
  /** Arguments after the app's folder. */
  args?: readonly string[];
  /** Folders to use again, for a second start on the same library; `close` then keeps them. */
  home?: Home;
  /** A display to use again, together with `home`. */
  display?: string;
  /** The folder or file Electron loads; the checkout by default. */
  app?: string;
  /** Milliseconds until the first window; default 60,000. */
  timeoutMs?: number;
}

export interface Launched {
  readonly app: ElectronApplication;
  /** The first window. */
  readonly page: Page;
  readonly paths: Home;
  /** The X display the window is on, such as `:3`; undefined on Wayland. */
  readonly display: string | undefined;
  /** Everything the main process wrote, so far. */
  readonly output: () => string;
  /** Ends the app alone: the folders and the display stay for another start. */
  quit(): Promise<void>;
  /** Ends the app, then the display and (unless they were given) the folders. */
  close(): Promise<void>;
}

/** Makes a {@link Home}: nothing the app does in a test reaches the person's own folders. */
export async function makeHome(): Promise<Home> {
  const root = await mkdtemp(join(tmpdir(), 'gh-'));
  const at = (name: string) => join(root, name);
  const paths = { root, home: at('h'), data: at('d'), config: at('c'), cache: at('k'), runtime: at('r') };
  for (const dir of [paths.home, paths.data, paths.config, paths.cache, paths.runtime])
    await mkdir(dir, { mode: 0o700 });
  // What KVM was seen to do here is tried once, not at each start of a test's app: see electron/core/testing/core.ts.
  const verdict = join(process.env.GUESTHOUSE_TEST_CACHE ?? '', 'accelerator.json');
  if (process.env.GUESTHOUSE_TEST_CACHE && existsSync(verdict)) {
    await mkdir(join(paths.cache, 'guesthouse'), { mode: 0o700 });
    await copyFile(verdict, join(paths.cache, 'guesthouse/accelerator.json'));
  }
  return paths;
}

/** The environment for a process that is to live in `paths`. */
export function homeEnv(paths: Home): Record<string, string> {
  return {
    HOME: paths.home,
    XDG_DATA_HOME: paths.data,
    XDG_CONFIG_HOME: paths.config,
    XDG_CACHE_HOME: paths.cache,
    XDG_RUNTIME_DIR: paths.runtime,
  };
}

/**
 * Starts the real app in temporary folders, on the session's display or on an Xvfb of its own, and waits for its
 * first window. As root the sandbox is off, which Chromium demands; else it is on, as a person has it.
 */
export async function launchApp(options: LaunchOptions = {}): Promise<Launched> {
  const runtime = findElectron();
  if (!runtime) throw new Error('There is no Electron: run `node scripts/setup.mjs` first.');
  const target = options.app ?? checkout;
  if (target === checkout && !existsSync(join(checkout, 'dist/main.cjs')))
    throw new Error('dist/main.cjs is not there: run `npm run build` first.');
  const paths = options.home ?? (await makeHome());
  const xvfb = options.display !== undefined || hasDisplay() ? null : await startXvfb();
  const display = options.display ?? xvfb?.display ?? process.env.DISPLAY;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  delete env.ELECTRON_RUN_AS_NODE;
  Object.assign(env, homeEnv(paths), display ? { DISPLAY: display } : {}, options.env);
  let log = '';
  const cleanUp = async () => {
    await xvfb?.close();
    if (!options.home) await rm(paths.root, { recursive: true, force: true });
  };
  let app: ElectronApplication | undefined;
  try {
    const sandbox = process.getuid?.() !== 0;
    app = await _electron.launch({
      executablePath: runtime.executable,
      args: [target, ...(options.args ?? [])],
      chromiumSandbox: sandbox,
      cwd: checkout,
      env,
      timeout: options.timeoutMs ?? 60_000,
    });
    const child = app.process();
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        log += chunk.toString('utf8');
      });
    const page = await app.firstWindow({ timeout: options.timeoutMs ?? 60_000 });
    const running = app;
    return {
      app,
      page,
      paths,
      display,
      output: () => log,
      quit: () => endApp(running, child),
      async close() {
        await endApp(running, child);
        await cleanUp();
      },
    };
  } catch (error) {
    if (app) await endApp(app, app.process());
    await cleanUp();
    throw new Error(`The app did not start: ${(error as Error).message}\n${log}`, { cause: error });
  }
}

/**
 * Asks the app to quit; kills it, by its own pid, if it has not after 20 s. Chromium's zygotes may outlive a killed
 * browser process and hold its pipes, for which Playwright waits: they are ended too. Guests are no part of this.
 */
async function endApp(app: ElectronApplication, child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const helpers = helpersOf(child.pid!, child.spawnfile);
  const closed = app.close().catch(() => {});
  const gone = await Promise.race([closed.then(() => true), delay(20_000, false, { ref: false })]);
  if (gone) return;
  for (const pid of [child.pid!, ...helpers]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {}
  }
  await Promise.race([closed, delay(5_000, undefined, { ref: false })]);
}

/** Pids below `parent` that run the same program: Chromium's own processes, not what the app started. */
function helpersOf(parent: number, executable: string): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/exe`) !== executable) continue;
      // proc(5): the parent is the second field after the command's closing parenthesis.
      const ppid = Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1]);
      children.set(ppid, [...(children.get(ppid) ?? []), Number(name)]);
    } catch {}
  }
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((each) => [each, ...below(each)]);
  return below(parent);
}
