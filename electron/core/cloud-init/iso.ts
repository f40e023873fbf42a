/** A file in the root folder of the medium. */
export interface IsoFile {
  /** As the guest sees it (Joliet), such as `user-data`: at most 64 characters of ASCII letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  readonly content: Uint8Array;
}

const sector = 2048;
/** Sectors of the fixed parts: after 16 of system area come two volume descriptors and the terminator. */
const at = { primary: 16, joliet: 17, end: 18, paths: 19, root: 23, jolietRoot: 24, files: 25 };

/**
 * Makes a small ISO 9660 image (ECMA-119) with Joliet names, which Linux, the BSDs and Windows read: a handful of files
 * in its root. Written here, since the files hold private keys that would else pass through files of another program.
 * @param label volume name, at most 16 characters; cloud-init looks for `CIDATA`
 * @param time milliseconds since the epoch, stamped on everything
 */
export function makeIso(label: string, files: readonly IsoFile[], time: number): Buffer {
  for (const { name } of files)
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) throw new RangeError(`${name} cannot be a file name here`);
  if (files.length > 16) throw new RangeError('too many files for one sector of folder');
  const when = new Date(time);
  const places: { file: IsoFile; extent: number }[] = [];
  let next = at.files;
  for (const file of files) {
    places.push({ file, extent: next });
    next += Math.max(1, Math.ceil(file.content.length / sector));
  }
  const image = Buffer.alloc(next * sector);
  const put = (index: number, bytes: Uint8Array) => image.set(bytes, index * sector);
  put(at.primary, descriptor(1, label, next, at.paths, at.root, when));
  put(at.joliet, descriptor(2, label, next, at.paths + 2, at.jolietRoot, when));
  put(at.end, Buffer.from([255, ...Buffer.from('CD001'), 1]));
  for (const [index, root] of [at.root, at.jolietRoot].entries()) {
    put(at.paths + 2 * index, pathTable(root, false));
    put(at.paths + 2 * index + 1, pathTable(root, true));
  }
  put(
    at.root,
    folder(at.root, places, (name) => Buffer.from(plainName(name)), when),
  );
  put(
    at.jolietRoot,
    folder(at.jolietRoot, places, (name) => ucs2(`${name};1`), when),
  );
  for (const { file, extent } of places) put(extent, file.content);
  return image;
}

/** Without Joliet a name is upper-case letters, digits and `_` with one dot (ECMA-119, 7.5). */
function plainName(name: string): string {
  const [stem, ...rest] = name.toUpperCase().split('.');
  const clean = (text: string) => text.replace(/[^A-Z0-9_]/g, '_');
  return `${clean(stem!).slice(0, 20) || '_'}.${clean(rest.join('_')).slice(0, 8)};1`;
}

const ucs2 = (text: string) => Buffer.from(text, 'utf16le').swap16();

function both16(value: number): number[] {
  return [value & 255, value >> 8, value >> 8, value & 255];
}

function both32(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value, 0);
  bytes.writeUInt32BE(value, 4);
  return bytes;
}

function stamp(when: Date): number[] {
  return [
    when.getUTCFullYear() - 1900, when.getUTCMonth() + 1, when.getUTCDate(), when.getUTCHours(),
    when.getUTCMinutes(), when.getUTCSeconds(), 0,
  ]; // biome-ignore format: a date
}

/** Directory record (ECMA-119, 9.1). */
function record(name: Uint8Array, extent: number, size: number, isFolder: boolean, when: Date): Buffer {
  const length = 33 + name.length + ((name.length + 1) % 2);
  const bytes = Buffer.alloc(length);
  bytes[0] = length;
  bytes.set(both32(extent), 2);
  bytes.set(both32(size), 10);
  bytes.set(stamp(when), 18);
  bytes[25] = isFolder ? 2 : 0;
  bytes.set(both16(1), 28);
  bytes[32] = name.length;
  bytes.set(name, 33);
  return bytes;
}

function folder(
  own: number,
  places: readonly { readonly file: IsoFile; readonly extent: number }[],
  encode: (name: string) => Buffer,
  when: Date,
): Buffer {
  const records = places
    .map(({ file, extent }) => ({ name: encode(file.name), extent, size: file.content.length }))
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .map(({ name, extent, size }) => record(name, extent, size, false, when));
  const self = record(Buffer.from([0]), own, sector, true, when);
  const parent = record(Buffer.from([1]), own, sector, true, when);
  const bytes = Buffer.concat([self, parent, ...records]);
  if (bytes.length > sector) throw new RangeError('the names are too long for one sector of folder');
  return bytes;
}

/** The path table of a root alone is ten bytes (ECMA-119, 9.4). */
function pathTable(root: number, bigEndian: boolean): Buffer {
  const bytes = Buffer.alloc(10);
  bytes[0] = 1;
  if (bigEndian) bytes.writeUInt32BE(root, 2);
  else bytes.writeUInt32LE(root, 2);
  bytes[bigEndian ? 7 : 6] = 1;
  return bytes;
}

/** Volume descriptor: primary (ECMA-119, 8.4) or, with `type` 2, Joliet's supplementary one. */
function descriptor(
  type: 1 | 2,
  label: string,
  sectors: number,
  paths: number,
  root: number,
  when: Date,
): Buffer {
  const bytes = Buffer.alloc(sector);
  const blank = (from: number, length: number) =>
    type === 1 ? bytes.fill(32, from, from + length) : bytes.set(ucs2(' '.repeat(length >> 1)), from);
  const text = (value: string, from: number, length: number) => {
    blank(from, length);
    bytes.set((type === 1 ? Buffer.from(value) : ucs2(value)).subarray(0, length), from);
  };
  bytes[0] = type;
  bytes.write('CD001', 1, 'latin1');
  bytes[6] = 1;
  text('', 8, 32);
  text(label, 40, 32);
  bytes.set(both32(sectors), 80);
  if (type === 2) bytes.write('%/E', 88, 'latin1'); // UCS-2 level 3
  bytes.set(both16(1), 120);
  bytes.set(both16(1), 124);
  bytes.set(both16(sector), 128);
  bytes.set(both32(10), 132);
  bytes.writeUInt32LE(paths, 140);
  bytes.writeUInt32BE(paths + 1, 148);
  bytes.set(record(Buffer.from([0]), root, sector, true, when), 156);
  for (const from of [190, 318, 446, 574]) text('', from, 128);
  for (const from of [702, 739, 776]) text('', from, 37);
  const iso = when.toISOString().replace(/\D/g, '').slice(0, 16);
  for (const from of [813, 830]) bytes.write(iso, from, 'latin1'); // 17th byte: hours from UTC, 0
  for (const from of [847, 864]) bytes.write('0'.repeat(16), from, 'latin1');
  bytes[881] = 1;
  return bytes;
}
