import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { run } from '../platform/exec.ts';

/**
 * Where QEMU can play sound: the socket of the person's PulseAudio, or of PipeWire in its place, when this QEMU has the
 * back end for it (many distributions keep that in a package of its own).
 * @returns null when there is none
 */
export async function findPulse(
  qemu: string,
  { PULSE_SERVER, XDG_RUNTIME_DIR }: NodeJS.ProcessEnv = process.env,
): Promise<string | null> {
  const named = /^unix:(\/.+)$/.exec(PULSE_SERVER ?? '')?.[1];
  const socket = named ?? (XDG_RUNTIME_DIR ? path.join(XDG_RUNTIME_DIR, 'pulse/native') : null);
  if (socket === null || !(await fs.stat(socket).catch(() => null))?.isSocket()) return null;
  const { stdout } = await run([qemu, '-audiodev', 'help'], { okCodes: [0, 1], timeoutMs: 10_000 });
  return /^pa$/m.test(stdout) ? socket : null;
}
