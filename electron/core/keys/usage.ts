import * as path from 'node:path';
import * as z from 'zod';
import { readTextIfAny, writeAtomic } from '../platform/fs.ts';

const schema = z.record(z.string(), z.array(z.string()));

/** Which guests and servers accept which key, as far as it was seen here. By fingerprint, so that renaming is no loss. */
export class KeyUsage {
  private queue: Promise<unknown> = Promise.resolve();
  private readonly file: string;
  constructor(dataFolder: string) {
    this.file = path.join(dataFolder, 'key-usage.json');
  }

  /** An unreadable record counts as empty: it can be learned again. */
  async read(): Promise<Record<string, string[]>> {
    const text = await readTextIfAny(this.file);
    if (text === null) return {};
    try {
      const parsed = schema.safeParse(JSON.parse(text));
      return parsed.success ? parsed.data : {};
    } catch {
      return {};
    }
  }

  add(fingerprint: string, target: string): Promise<void> {
    return this.change(fingerprint, (list) => (list.includes(target) ? list : [...list, target]));
  }

  remove(fingerprint: string, target: string): Promise<void> {
    return this.change(fingerprint, (list) => list.filter((id) => id !== target));
  }

  private change(fingerprint: string, how: (list: string[]) => string[]): Promise<void> {
    const next = this.queue.then(async () => {
      const all = await this.read();
      const list = how(all[fingerprint] ?? []);
      const { [fingerprint]: _, ...rest } = all;
      await writeAtomic(
        this.file,
        JSON.stringify(list.length ? { ...rest, [fingerprint]: list } : rest, null, 2),
      );
    });
    this.queue = next.catch(() => {});
    return next;
  }
}
