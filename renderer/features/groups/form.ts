import type { GroupDevice, GroupLimits, IoLimit } from '../../../shared/model/group.ts';

/** What is typed, as text; empty is no limit. */
export interface LimitsForm {
  readonly memoryMax: string;
  readonly memoryHigh: string;
  readonly swapMax: string;
  readonly cpus: string;
  readonly cpuWeight: string;
  readonly tasksMax: string;
  readonly io: readonly IoForm[];
}
export interface IoForm {
  readonly device: string;
  readonly readBytes: string;
  readonly writeBytes: string;
  readonly readOps: string;
  readonly writeOps: string;
}
export type LimitField = Exclude<keyof LimitsForm, 'io'>;

export const emptyForm: LimitsForm = {
  memoryMax: '',
  memoryHigh: '',
  swapMax: '',
  cpus: '',
  cpuWeight: '',
  tasksMax: '',
  io: [],
};

const factors: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** "512", "512 MB", "1.5G": bytes; a bare number is in megabytes. Null: not a size. */
export function parseSize(text: string): number | null {
  const parts = /^(\d+(?:[.,]\d+)?)\s*([KMGT]?)(i?B)?$/i.exec(text.trim());
  if (!parts) return null;
  const unit = (parts[2] ?? '').toUpperCase();
  const factor = unit === '' && parts[3] === undefined ? 2 ** 20 : factors[unit];
  return Math.round(Number(parts[1]!.replace(',', '.')) * factor!);
}

/** The shortest text that {@link parseSize} reads as exactly this. */
export function sizeText(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'K'] as const) {
    const value = bytes / factors[unit]!;
    if (value >= 1 && Number.isInteger(value * 100)) return `${value} ${unit}B`;
  }
  return `${bytes} B`;
}

const number = (value: number | null) => (value === null ? '' : String(value));
const size = (value: number | null) => (value === null ? '' : sizeText(value));

export function formOf(limits: GroupLimits): LimitsForm {
  return {
    memoryMax: size(limits.memoryMax),
    memoryHigh: size(limits.memoryHigh),
    swapMax: size(limits.swapMax),
    cpus: number(limits.cpus),
    cpuWeight: number(limits.cpuWeight),
    tasksMax: number(limits.tasksMax),
    io: limits.io.map((one) => ({
      device: one.device,
      readBytes: size(one.readBytes),
      writeBytes: size(one.writeBytes),
      readOps: number(one.readOps),
      writeOps: number(one.writeOps),
    })),
  };
}

export interface Checked {
  /** Null while something is wrong. */
  readonly limits: GroupLimits | null;
  readonly problems: Readonly<Record<string, string>>;
}

/** Reads the form; problems are by field, those of a disk by `io.INDEX.FIELD`. */
export function checkLimits(form: LimitsForm, cores: number | null): Checked {
  const problems: Record<string, string> = {};
  const read = (
    field: string,
    text: string,
    parse: (text: string) => number | null,
    least: number,
    wrong: string,
    low: string,
  ): number | null => {
    if (text.trim() === '') return null;
    const value = parse(text);
    if (value === null) problems[field] = wrong;
    else if (value < least) problems[field] = low;
    return value;
  };
  const bytes = (field: string, text: string, least = 1 << 20) =>
    read(field, text, parseSize, least, 'A size such as 512 MB or 2 GB.', 'At least 1 MB.');
  const whole = (field: string, text: string, least = 1) =>
    read(
      field,
      text,
      (t) => (/^\d+$/.test(t.trim()) ? Number(t) : null),
      least,
      'A whole number.',
      `At least ${least}.`,
    );
  const cpus = read(
    'cpus',
    form.cpus,
    (text) => (/^\d+([.,]\d+)?$/.test(text.trim()) ? Number(text.replace(',', '.')) : null),
    0.01,
    'A number of cores, such as 0.5 or 2.',
    'At least 0.01.',
  );
  if (cpus !== null && cores !== null && cpus > cores && problems.cpus === undefined)
    problems.cpus = `This machine has ${cores}.`;
  const io: IoLimit[] = form.io.map((one, index) => ({
    device: one.device,
    readBytes: bytes(`io.${index}.readBytes`, one.readBytes, 1),
    writeBytes: bytes(`io.${index}.writeBytes`, one.writeBytes, 1),
    readOps: whole(`io.${index}.readOps`, one.readOps),
    writeOps: whole(`io.${index}.writeOps`, one.writeOps),
  }));
  const limits: GroupLimits = {
    memoryMax: bytes('memoryMax', form.memoryMax),
    memoryHigh: bytes('memoryHigh', form.memoryHigh),
    swapMax: bytes('swapMax', form.swapMax, 0),
    cpus,
    cpuWeight: whole('cpuWeight', form.cpuWeight),
    tasksMax: whole('tasksMax', form.tasksMax),
    io: io.filter((one) =>
      [one.readBytes, one.writeBytes, one.readOps, one.writeOps].some((v) => v !== null),
    ),
  };
  if ((limits.cpuWeight ?? 0) > 10_000) problems.cpuWeight = 'At most 10000.';
  const { memoryHigh, memoryMax } = limits;
  if (
    memoryHigh !== null &&
    memoryMax !== null &&
    memoryHigh >= memoryMax &&
    problems.memoryHigh === undefined
  )
    problems.memoryHigh = 'Below the memory limit, or it does nothing.';
  return { limits: Object.keys(problems).length === 0 ? limits : null, problems };
}

/** A row for a disk that has none yet; null when all have. */
export function nextDisk(form: LimitsForm, devices: readonly GroupDevice[]): IoForm | null {
  const free = devices.find(({ path }) => !form.io.some(({ device }) => device === path));
  return free ? { device: free.path, readBytes: '', writeBytes: '', readOps: '', writeOps: '' } : null;
}

/**
 * A command line as words, by the quotes and backslashes of a shell; nothing in it is expanded, and no shell runs it.
 * Null while a quote is open.
 */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== null) {
      if (char === quote) quote = null;
      else if (char === '\\' && quote === '"' && /["\\]/.test(text[i + 1] ?? ''))
        word = (word ?? '') + text[++i]!;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && i + 1 < text.length) word = (word ?? '') + text[++i]!;
    else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) return null;
  if (word !== null) words.push(word);
  return words;
}
