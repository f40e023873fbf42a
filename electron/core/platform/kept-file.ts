import { readTextIfAny, writeAtomic } from './fs.ts';
import type { Log } from './log.ts';

/**
 * A JSON file of the library: read once, written whole and in turn. One that cannot be understood is kept beside the new
 * one as `FILE.damaged` as soon as something is written: a person may still want what is in it.
 */
export class KeptFile {
  private damaged: string | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly log: Log,
  ) {}

  /** What it holds; null where there is none, or none that `understood` takes. */
  async read(
    understood: (content: Readonly<Record<string, unknown>>) => boolean,
  ): Promise<Readonly<Record<string, unknown>> | null> {
    const text = await readTextIfAny(this.file);
    if (text === null) return null;
    let content: unknown = null;
    try {
      content = JSON.parse(text);
    } catch {}
    if (content !== null && typeof content === 'object' && understood(content as Record<string, unknown>))
      return content as Record<string, unknown>;
    this.log.error(`${this.file} cannot be read; it is kept with .damaged behind its name`);
    this.damaged = text;
    return null;
  }

  /** What `content` answers with when its turn comes is on disk when this resolves. */
  write(content: () => unknown): Promise<void> {
    const next = this.writing.then(async () => {
      if (this.damaged !== null) await writeAtomic(`${this.file}.damaged`, this.damaged);
      this.damaged = null;
      await writeAtomic(this.file, `${JSON.stringify(content(), null, 2)}\n`);
    });
    this.writing = next.catch(() => {});
    return next;
  }
}
