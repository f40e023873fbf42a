import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright';
import { root } from '../../scripts/lib/common.mjs';
import { type Home, type Launched, launchApp, makeHome } from '../lib/launch.ts';
import { sweep } from '../lib/leftovers.ts';
import { endGuests, linkBuiltStarters } from '../lib/library.ts';
import type { DemoContext, DemoPart } from './part.ts';
import { parts } from './parts/index.ts';

/** Exit codes of a demo that was stopped, as a shell says them. */
const stops = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Milliseconds a stopped demo has to take away what it made; then that is swept away. */
const leaveMs = 30_000;

/** A step that a stop cuts short leaves nothing to ask about: what it had begun is thrown away. */
const env = { GUESTHOUSE_ON_CLOSE: 'cancel' };

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

/**
 * Drives the real window through the parts' steps.
 * @param args `--list`, or the names of the parts to run; all when empty
 * @returns an exit code: 0 when every step did what it says
 */
export async function demo(args: readonly string[]): Promise<number> {
  if (args.includes('--list')) {
    for (const part of parts) for (const step of part.steps) console.log(`${part.name}: ${step.title}`);
    return 0;
  }
  const unknown = args.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined) {
    console.error(`There is no part ${unknown}. There are: ${parts.map((part) => part.name).join(', ')}.`);
    return 2;
  }
  const chosen = args.length > 0 ? parts.filter((part) => args.includes(part.name)) : parts;
  const out = join(root, 'demo-out', new Date().toISOString().slice(0, 19).replace(/:/g, '-'));
  await mkdir(out, { recursive: true });
  console.log(`Screenshots: ${relative(process.cwd(), out) || out}`);
  const from = performance.now();
  const stage = await Stage.open(out);
  let failed: string | null = null;
  try {
    for (const part of chosen) {
      failed = await stage.play(part);
      if (failed !== null) break;
    }
    await writeFile(join(out, 'app.log'), stage.launched.output());
  } finally {
    await stage.close();
  }
  const count = chosen.reduce((sum, part) => sum + part.steps.length, 0);
  console.log(
    failed === null
      ? `All ${count} steps done in ${seconds(performance.now() - from)}. Screenshots: ${out}`
      : `Stopped at "${failed}" after ${seconds(performance.now() - from)}. Screenshots and app.log: ${out}`,
  );
  return failed === null ? 0 : 1;
}

class Stage implements DemoContext {
  private shots = 0;
  private playing: DemoPart | null = null;
  /** Ends this process, so that whoever waits for it goes no further. */
  private stopping: Promise<never> | null = null;
  /** Owns the display. */
  private first: Launched | null = null;
  public launched!: Launched;
  private constructor(
    private readonly out: string,
    private readonly home: Home,
  ) {}

  static async open(out: string): Promise<Stage> {
    const stage = new Stage(out, await makeHome());
    // However this process ends, but for kill -9.
    process.on('exit', stage.sweep);
    stage.listen();
    const starters = linkBuiltStarters(stage.home);
    console.log(
      starters
        ? `Starter images: those of ${starters} (remove that folder to see one built)`
        : 'Starter images: none yet; building one takes about a minute, more on a busy computer',
    );
    stage.first = await stage.launch();
    return stage;
  }

  get page(): Page {
    return this.launched.page;
  }

  // Arrow functions, since steps take them out of the context.
  readonly shot = async (name: string): Promise<void> => {
    this.shots += 1;
    const file = `${String(this.shots).padStart(2, '0')}-${name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}.png`;
    await this.page.screenshot({ path: join(this.out, file), animations: 'disabled' });
  };

  readonly restart = async (): Promise<void> => {
    // The first one owns the folders and the display, so it only quits here and is closed for good at the end.
    await this.launched.quit();
    await this.launch();
  };

  readonly note = (text: string): void => {
    console.log(`         ${text}`);
  };

  /** @returns the title of the step that failed, or null */
  async play(part: DemoPart): Promise<string | null> {
    console.log(`${part.name}`);
    this.playing = part;
    try {
      for (const step of part.steps) {
        if (this.stopping) await this.stopping;
        const from = performance.now();
        try {
          await step.run(this);
          console.log(`  ok     ${step.title} (${seconds(performance.now() - from)})`);
        } catch (error) {
          if (this.stopping) await this.stopping;
          console.log(`  FAILED ${step.title} (${seconds(performance.now() - from)})`);
          console.log(String((error as Error).stack ?? error).replace(/^/gm, '         '));
          await this.shot(`failed ${step.title}`).catch(() => {});
          return `${part.name}: ${step.title}`;
        }
      }
      return null;
    } finally {
      this.playing = null;
      await this.cleanUp(part);
    }
  }

  async close(): Promise<void> {
    if (this.launched !== this.first) await this.launched.close();
    await this.first?.close();
    process.off('exit', this.sweep);
    this.sweep();
  }

  private readonly sweep = () => sweep(this.home.root);

  private async launch(): Promise<Launched> {
    this.launched = await launchApp({ home: this.home, display: this.first?.display, env });
    this.listen();
    return this.launched;
  }

  /** Playwright would close the app and exit at once, before a part could take away what it made: it is not asked. */
  private listen(): void {
    for (const [signal, code] of Object.entries(stops)) {
      process.removeAllListeners(signal);
      process.on(signal, () => this.stop(code));
    }
  }

  private stop(code: number): void {
    if (this.stopping || !this.first) process.exit(code);
    console.log('  Stopping, and taking away what was made. Ctrl-C again: at once.');
    this.stopping = Promise.race([this.leave(), delay(leaveMs)]).then(() => process.exit(code));
  }

  private async leave(): Promise<void> {
    if (this.playing) await this.cleanUp(this.playing);
    await endGuests(this.page).catch(() => {});
    await this.close();
  }

  private async cleanUp(part: DemoPart): Promise<void> {
    await part.cleanUp?.(this).catch((error) => console.log(`  (clean-up: ${error})`));
  }
}
