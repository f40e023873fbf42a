import type { Page } from 'playwright';
import type { Launched } from '../lib/launch.ts';

/** What a step works with. */
export interface DemoContext {
  /** The window; a new one after a restart of the app. */
  readonly page: Page;
  readonly launched: Launched;
  /** Takes a screenshot into the demo's folder; its name becomes part of the file's. */
  shot(name: string): Promise<void>;
  /** Closes the app as a person does and starts it again on the same library. */
  restart(): Promise<void>;
  /** Says something under the running step. */
  note(text: string): void;
}

/** One named step of a part. A step that throws ends the demo: what follows builds on it. */
export interface DemoStep {
  readonly title: string;
  run(context: DemoContext): Promise<void>;
}

/** A capability's own steps. Parts run in the order of index.ts, in one window and one library. */
export interface DemoPart {
  readonly name: string;
  readonly steps: readonly DemoStep[];
  /** Undoes what a later part would trip over, also when a step failed: above all, ends guests. */
  cleanUp?(context: DemoContext): Promise<void>;
}
