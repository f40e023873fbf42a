import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Screenshot } from '../../../shared/ipc/guests.ts';
import { QmpCommandError } from '../qmp/client.ts';
import type { Entry } from './registry.ts';
import { nameOf } from './store.ts';

/** Larger pictures are not sent on; 8K in true colour comes to less. */
const maxBytes = 64 << 20;
const pngMagic = Buffer.from('89504e470d0a1a0a', 'hex');

/**
 * A picture of a running guest's screen, by QMP's `screendump` (QEMU 7.1 and newer write PNG). QEMU writes it into the
 * guest's private runtime folder; nothing is left there.
 * @throws {GuesthouseError} `wrong-state` when it does not run, `unsupported` when it has no screen
 */
export async function screenshot({ id, stored, process }: Entry): Promise<Screenshot> {
  if (!process)
    throw new GuesthouseError('wrong-state', `${nameOf(stored)} does not run.`, {
      todo: 'Start it first.',
      subject: id,
    });
  const file = path.join(process.files.dir, `screen-${randomBytes(6).toString('hex')}.png`);
  try {
    await process.qmp.execute('screendump', { filename: file, format: 'png' }, { timeoutMs: 20_000 });
    const { size } = await fs.stat(file);
    if (size > maxBytes) throw new GuesthouseError('unsupported', 'The screen is too large for a picture.');
    const png = await fs.readFile(file);
    // IHDR is the first chunk: width and height at 16 and 20 (PNG, 11.2.2).
    if (png.length < 24 || !png.subarray(0, 8).equals(pngMagic))
      throw new GuesthouseError('qemu-failed', 'QEMU did not write a picture.');
    return { width: png.readUInt32BE(16), height: png.readUInt32BE(20), png: png.toString('base64') };
  } catch (error) {
    if (
      error instanceof QmpCommandError &&
      /no QEMU console|no graphic|There is no console/i.test(error.desc)
    )
      throw noScreen(id, nameOf(stored));
    throw error;
  } finally {
    await fs.rm(file, { force: true });
  }
}

export const noScreen = (id: string, name: string) =>
  new GuesthouseError('unsupported', `${name} has no screen.`, {
    why: 'It has no video card: a paravirtual guest talks by its serial console.',
    todo: 'Open its console.',
    subject: id,
  });
