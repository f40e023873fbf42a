// Writes the one kind of asar archive the fallback runtime needs: a few small files, no folders.
// Format: a Chromium pickle holding the header's size, then a pickle holding the header (JSON), then the files' bytes
// (https://github.com/electron/asar#format).

/** @param {Record<string, string>} files name to text @returns {Buffer} */
export function asar(files) {
  const header = { files: {} };
  const bodies = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const body = Buffer.from(text);
    header.files[name] = { size: body.length, offset: String(offset) };
    offset += body.length;
    bodies.push(body);
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = (json.length + 3) & ~3;
  const head = Buffer.alloc(16 + padded);
  head.writeUInt32LE(4, 0); // payload of the first pickle: one u32
  head.writeUInt32LE(8 + padded, 4); // size of the second pickle
  head.writeUInt32LE(4 + padded, 8); // its payload: the string's length and the string
  head.writeUInt32LE(json.length, 12);
  json.copy(head, 16);
  return Buffer.concat([head, ...bodies]);
}
