import type { WireError } from '../../shared/errors.ts';
import type { Operation } from '../../shared/model/operation.ts';

/** Makes text from a guest's or a person's hand safe to print: control characters could drive the terminal. */
export function plain(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '�');
}

/** A table with aligned columns. Widths count code points, which is right for all but double-wide scripts. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => plain(cell).replace(/[\n\t]/g, ' ')));
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? '')].length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat(widths[column]! - [...cell].length))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Lines of `name: value`, aligned; a null value leaves its line out. */
export function facts(pairs: readonly (readonly [string, string | null])[]): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${plain(value)}`).join('\n');
}

export function errorText(error: WireError): string {
  const lines = [error.message, error.why, error.todo].filter((line): line is string => Boolean(line));
  return plain([...lines, ...(error.detail ? ['', error.detail] : [])].join('\n'));
}

/** Bytes as people read them. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** What goes, a line a file, and how much that is. */
export function deletedLines(
  removed: readonly { readonly path: string; readonly bytes: number }[],
): string[] {
  const total = removed.reduce((sum, file) => sum + file.bytes, 0);
  return [
    ...removed.map((file) => `  ${file.path} (${size(file.bytes)})`),
    ...(removed.length > 1 ? [`  ${removed.length} files, ${size(total)} in all`] : []),
  ];
}

/** Names them, by their ids too where two have one name, which a folder that was copied by hand can bring about. */
export function told<T extends { readonly id: string; readonly name: string }>(
  items: readonly T[],
): (id: string) => string {
  const byId = new Map(items.map((item) => [item.id, item.name]));
  const seen = new Set<string>();
  const twice = new Set(items.map(({ name }) => name).filter((name) => seen.has(name) || !seen.add(name)));
  return (id) => {
    const name = byId.get(id);
    return name === undefined ? id : twice.has(name) ? `${name} (${id})` : name;
  };
}

/** Lists are in this order, for people and for programs: numbers in names count as numbers. */
export function byName<T extends { readonly name: string }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Milliseconds after which a phase that goes on is said again where there is no terminal. */
const sayAgainMs = 10_000;

/** Shows an operation on stderr: one line that changes on a terminal, else a line a phase. */
export class Progress {
  private last = '';
  private shown = false;
  private writtenAt = 0;

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly quiet: boolean,
    private readonly now: () => number = Date.now,
  ) {}

  show(operation: Operation): void {
    if (this.quiet) return;
    const text = plain(operation.phase ? `${operation.title}: ${operation.phase}` : operation.title);
    if (!this.stream.isTTY) {
      // A counter in the phase is not another phase; but a log that stands still looks like a hang.
      const phase = text.replace(/\d+/g, '#');
      if (phase === this.last && this.now() - this.writtenAt < sayAgainMs) return;
      this.stream.write(`${text}\n`);
      this.last = phase;
      this.writtenAt = this.now();
      return;
    }
    const part = operation.fraction === null ? '' : ` ${Math.round(operation.fraction * 100)} %`;
    const line = `${text}${part}`.slice(0, Math.max(20, (this.stream.columns ?? 80) - 1));
    if (line !== this.last) this.stream.write(`\r\x1b[K${line}`);
    this.last = line;
    this.shown = true;
  }

  /** Takes the changing line away. */
  clear(): void {
    if (this.shown) this.stream.write('\r\x1b[K');
    this.shown = false;
    this.last = '';
  }
}
