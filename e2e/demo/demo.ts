import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Page } from 'playwright';
import { root } from '../../scripts/lib/common.mjs';
import { type Home, type Launched, launchApp, makeHome } from '../lib/launch.ts';
import { linkBuiltStarters } from '../lib/library.ts';
import type { DemoContext, DemoPart } from './part.ts';
import { parts } from './parts/index.ts';

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
  private constructor(
    private readonly out: string,
    private readonly home: Home,
    public launched: Launched,
    private readonly first: Launched,
  ) {}

  static async open(out: string): Promise<Stage> {
    const home = await makeHome();
    const starters = linkBuiltStarters(home);
    console.log(
      starters
        ? `Starter images: those of ${starters} (remove that folder to see one built)`
        : 'Starter images: none yet; building one takes about a minute, more on a busy computer',
    );
    try {
      const launched = await launchApp({ home });
      return new Stage(out, home, launched, launched);
    } catch (error) {
      await rm(home.root, { recursive: true, force: true });
      throw error;
    }
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
    this.launched = await launchApp({ home: this.home, display: this.first.display });
  };

  readonly note = (text: string): void => {
    console.log(`         ${text}`);
  };

  /** @returns the title of the step that failed, or null */
  async play(part: DemoPart): Promise<string | null> {
    console.log(`${part.name}`);
    try {
      for (const step of part.steps) {
        const from = performance.now();
        try {
          await step.run(this);
          console.log(`  ok     ${step.title} (${seconds(performance.now() - from)})`);
        } catch (error) {
          console.log(`  FAILED ${step.title} (${seconds(performance.now() - from)})`);
          console.log(String((error as Error).stack ?? error).replace(/^/gm, '         '));
          await this.shot(`failed ${step.title}`).catch(() => {});
          return `${part.name}: ${step.title}`;
        }
      }
      return null;
    } finally {
      await part.cleanUp?.(this).catch((error) => console.log(`  (clean-up: ${error})`));
    }
  }

  async close(): Promise<void> {
    if (this.launched !== this.first) await this.launched.close();
    await this.first.close();
    await rm(this.home.root, { recursive: true, force: true });
  }
}
