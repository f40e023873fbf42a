/** Values a property can have. `read` gives null for text that is no such value: it then counts as unset. */
export interface ValueType<T> {
  readonly name: string;
  read(raw: string): T | null;
  /**
   * @param like the text it replaces, whose spelling (hexadecimal or not) is kept
   * @throws RangeError when the value cannot be written
   */
  write(value: T, like?: string): string;
  /** Two different values, for tests that set a property and set it back. */
  readonly samples: readonly [T, T];
  /** White space around the text means nothing. */
  readonly trims: boolean;
}

export const string: ValueType<string> = {
  name: 'string',
  read: (raw) => raw,
  write: (value) => value,
  samples: ['a "b" & <c>', "d'e"],
  trims: false,
};

export const int: ValueType<number> = {
  name: 'int',
  read: (raw) => {
    const text = raw.trim();
    if (!/^([+-]?\d+|0x[0-9a-fA-F]+)$/.test(text)) return null;
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : null;
  },
  write: (value) => {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number`);
    return String(value);
  },
  samples: [3, 17],
  trims: true,
};

/** A number libvirt writes in hexadecimal: PCI addresses, USB ids. */
export function hex(digits: number): ValueType<number> {
  return {
    ...int,
    name: `hex${digits}`,
    write: (value, like) => {
      if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no address`);
      if (like !== undefined && /^\d+$/.test(like)) return String(value);
      const width = like?.startsWith('0x') ? like.length - 2 : digits;
      return `0x${value.toString(16).padStart(width, '0')}`;
    },
    samples: [1, 2],
  };
}

function boolean(name: string, yes: string, no: string): ValueType<boolean> {
  return {
    name,
    read: (raw) => (raw.trim() === yes ? true : raw.trim() === no ? false : null),
    write: (value) => (value ? yes : no),
    samples: [true, false],
    trims: true,
  };
}
export const yesNo = boolean('yes/no', 'yes', 'no');
export const onOff = boolean('on/off', 'on', 'off');

/** One of a few words. A word libvirt knows and this list does not reads as null and stays in the text. */
export function oneOf<const T extends readonly [string, string, ...string[]]>(
  ...words: T
): ValueType<T[number]> {
  return {
    name: words.join('|'),
    read: (raw) => (words.includes(raw.trim()) ? (raw.trim() as T[number]) : null),
    write: (value) => {
      if (!words.includes(value)) throw new RangeError(`${value} is none of ${words.join(', ')}`);
      return value;
    },
    samples: [words[0], words[1]],
    trims: true,
  };
}

/** A short word without spaces whose list is open (machine types, models, bus names). */
export const word: ValueType<string> = {
  name: 'word',
  read: (raw) => raw.trim() || null,
  write: (value) => {
    if (!/^[\w.:+/@-]+$/.test(value)) throw new RangeError(`${JSON.stringify(value)} is no plain word`);
    return value;
  },
  samples: ['one', 'two'],
  trims: true,
};

export const uuid: ValueType<string> = {
  name: 'uuid',
  read: (raw) => {
    const digits = raw.trim().replace(/-/g, '').toLowerCase();
    return /^[0-9a-f]{32}$/.test(digits)
      ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
      : null;
  },
  write: (value) => {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value))
      throw new RangeError(`${value} is no UUID`);
    return value;
  },
  samples: ['11111111-2222-4333-8444-555555555555', '99999999-8888-4777-a666-555555555555'],
  trims: true,
};

export const mac: ValueType<string> = {
  name: 'mac',
  read: (raw) => (/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(raw.trim()) ? raw.trim().toLowerCase() : null),
  write: (value) => {
    if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(value)) throw new RangeError(`${value} is no MAC address`);
    return value;
  },
  samples: ['52:54:00:01:02:03', '52:54:00:0a:0b:0c'],
  trims: true,
};

/** Bytes in one of libvirt's units (formatdomain, "Memory Allocation"). */
export const unitBytes: Readonly<Record<string, number>> = {
  b: 1, bytes: 1, KB: 1e3, k: 1024, KiB: 1024, MB: 1e6, M: 2 ** 20, MiB: 2 ** 20,
  GB: 1e9, G: 2 ** 30, GiB: 2 ** 30, TB: 1e12, T: 2 ** 40, TiB: 2 ** 40,
}; // biome-ignore format: a table

/**
 * Where the value stands: text of the element, an attribute of it, the element's mere presence, or a number of
 * bytes with its unit in an attribute.
 */
export type Place =
  | { readonly kind: 'text' }
  | { readonly kind: 'attribute'; readonly name: string }
  | { readonly kind: 'presence' }
  | { readonly kind: 'memory'; readonly defaultUnit: string };

/** A step down the tree; `where` picks by an attribute's value and is written when the element is made. */
export interface Step {
  readonly prefix: string;
  readonly local: string;
  readonly where: { readonly attribute: string; readonly value: string } | null;
}

export interface Property<T> {
  /** `disk.cache`; unique. */
  readonly key: string;
  /** The list whose item the path starts from; null is the domain itself. */
  readonly list: string | null;
  readonly steps: readonly Step[];
  readonly place: Place;
  readonly type: ValueType<T>;
  /** Why a run does not honour it, for the list of what we cannot run; null when it does or when it is a label. */
  readonly ignored: string | null;
  /** Values (of an item) that say what a run does anyway, so that {@link ignored} is nothing to tell. */
  fine(value: T, index: number): boolean;
  /** It says nothing about QEMU's command line: a label, or read elsewhere. */
  readonly label: boolean;
}

/** Our namespaces by the prefix used in paths and, where free, in the text. */
export const namespaces: Readonly<Record<string, string>> = {
  '': '',
  gh: 'urn:guesthouse:domain:1',
  qemu: 'http://libvirt.org/schemas/domain/qemu/1.0',
};

const step = /^(?:(\w+):)?([\w.-]+)(?:\[@([\w-]+)='([^']*)'\])?$/;

export function parsePath(path: string): { steps: Step[]; attribute: string | null } {
  const at = /@([\w.-]+)$/.exec(path);
  const elements = at ? path.slice(0, at.index) : path;
  const steps = elements === '' ? [] : splitSteps(elements).map(parseStep);
  return { steps, attribute: at?.[1] ?? null };
}

function splitSteps(path: string): string[] {
  return path.match(/(?:[^/[]|\[[^\]]*\])+/g) ?? [];
}

function parseStep(text: string): Step {
  const found = step.exec(text);
  if (!found) throw new Error(`bad step in a property path: ${text}`);
  return {
    prefix: found[1] ?? '',
    local: found[2]!,
    where: found[3] === undefined ? null : { attribute: found[3], value: found[4]! },
  };
}

/** Every property declared, by key; the reference tests count what the golden files use. */
export const declared = new Map<string, Property<unknown>>();

export interface DeclareOptions<T> {
  /** See {@link Property.ignored}. */
  ignored?: string;
  /** See {@link Property.fine}: a few values, or a test. */
  fine?: readonly T[] | ((value: T, index: number) => boolean);
  /** See {@link Property.label}. */
  label?: boolean;
}

/**
 * Declares the properties of one list (or of the domain). `path` ends in `@name` for an attribute; a type of
 * `present` means the element's presence, `memory(unit)` bytes with a unit attribute.
 */
export function declare(list: string | null) {
  const add = <T>(
    name: string,
    steps: Step[],
    place: Place,
    type: ValueType<T>,
    options: DeclareOptions<T>,
  ) => {
    const key = `${list ?? 'domain'}.${name}`;
    if (declared.has(key)) throw new Error(`property ${key} is declared twice`);
    const { ignored = null, label = false, fine = [] } = options;
    const isFine = typeof fine === 'function' ? fine : (value: T) => fine.includes(value);
    const property: Property<T> = { key, list, steps, place, type, ignored, label, fine: isFine };
    declared.set(key, property as unknown as Property<unknown>);
    return property;
  };
  return {
    value<T>(name: string, path: string, type: ValueType<T>, options: DeclareOptions<T> = {}): Property<T> {
      const { steps, attribute } = parsePath(path);
      return add(
        name,
        steps,
        attribute === null ? { kind: 'text' } : { kind: 'attribute', name: attribute },
        type,
        options,
      );
    },
    present(name: string, path: string, options: DeclareOptions<boolean> = {}): Property<boolean> {
      return add(name, parsePath(path).steps, { kind: 'presence' }, presence, options);
    },
    /** The value is in bytes. */
    memory(
      name: string,
      path: string,
      defaultUnit = 'KiB',
      options: DeclareOptions<number> = {},
    ): Property<number> {
      return add(name, parsePath(path).steps, { kind: 'memory', defaultUnit }, bytes, options);
    },
  };
}

const presence: ValueType<boolean> = { ...yesNo, name: 'presence' };
const bytes: ValueType<number> = { ...int, name: 'bytes', samples: [512 * 2 ** 20, 1000 * 2 ** 20] };
