import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { run } from '../platform/exec.ts';
import { exists, syncDir, syncPath } from '../platform/fs.ts';
import { blockdevOf } from './blockdev.ts';
import { inspectForeign } from './foreign.ts';
import { type DiskRef, type ImageFormat, type ImageInfo, type ImagePolicy, inspectChain } from './image.ts';
import { confined } from './limits.ts';
import { checkSize, noSpace } from './overlay.ts';
import type { ProbedFormat } from './probe.ts';

/** Progress and cancel of a long job; an OperationContext fits. */
export interface JobControl {
  readonly signal?: AbortSignal;
  /** 0 to 1. */
  progress?(fraction: number | null): void;
}

/** Makes an empty disk. qcow2 grows as it is written; raw is sparse. */
export async function createDisk(file: string, format: ImageFormat, size: number): Promise<void> {
  await create(path.resolve(file), ['-f', format], checkSize(size));
}

async function create(target: string, options: readonly string[], size: number): Promise<void> {
  if (await exists(target))
    throw new GuesthouseError('name-taken', `${target} is there already.`, { subject: target });
  try {
    const argv = await confined(['qemu-img', 'create', '-q', ...options, '--', target, String(size)], {
      write: [path.dirname(target)],
    });
    await run(argv, { timeoutMs: 60_000 });
  } catch (error) {
    await fs.rm(target, { force: true });
    throw noSpace(error);
  }
}

/**
 * Grows a disk. Shrinking is refused, as is a disk in use (QEMU's lock) and one that others are based on, which the
 * caller must know.
 * @param size bytes; rounded up to 512
 */
export async function growDisk(ref: DiskRef, size: number, policy: ImagePolicy): Promise<void> {
  const [top] = await inspectChain(ref, policy);
  const wanted = checkSize(size);
  if (wanted < top!.virtualSize)
    throw new GuesthouseError(
      'invalid-input',
      'A disk cannot be made smaller: that would cut its content off.',
    );
  if (wanted === top!.virtualSize) return;
  const argv = await confined(
    ['qemu-img', 'resize', '-q', '-f', ref.format, '--', ref.path, String(wanted)],
    {
      write: [path.dirname(path.resolve(ref.path))],
      read: await foldersOf(ref, policy),
    },
  );
  await run(argv, { timeoutMs: 60_000 }).catch((error) => {
    throw lockError(error);
  });
}

/**
 * Tells a qcow2 image that the image below it is at another place, by a relative path. Not a byte of either's content
 * changes (qemu-img(1), rebase -u), so it must be the very same one.
 * @throws {GuesthouseError} `disk-in-use`
 */
export async function followBacking(file: string, below: DiskRef): Promise<void> {
  const name = path.relative(path.dirname(file), below.path);
  const argv = await confined(
    ['qemu-img', 'rebase', '-q', '-u', '-f', 'qcow2', '-F', below.format, '-b', name, '--', file],
    { write: [path.dirname(file)], read: [path.dirname(below.path)] },
  );
  await run(argv, { timeoutMs: 60_000 }).catch((error) => {
    throw lockError(error);
  });
  await syncPath(file);
}

/** An image to convert: one of ours with its whole chain, or one of another program. */
export type ConvertSource = DiskRef | { readonly path: string; readonly format: ProbedFormat };

export interface ConvertOptions extends JobControl {
  /** Compress the result (qcow2 only); slow. */
  compress?: boolean;
  /** Bytes the result's file may have at most: a packed source can unpack to a thousand times itself. */
  most?: number;
}

/** Foreign formats qemu-img may read on import, by the names of its drivers. */
const foreign: Readonly<Partial<Record<ProbedFormat, string>>> = {
  vmdk: 'vmdk', vdi: 'vdi', vhdx: 'vhdx', vpc: 'vpc', qed: 'qed', qcow1: 'qcow', parallels: 'parallels', iso: 'raw',
}; // biome-ignore format: a table

/**
 * Copies a disk into a new stand-alone image, its whole chain flattened. The source is opened by nodes we name
 * ourselves. Written to a temporary name, so that the target appears whole and on the disk, or not at all.
 * @throws {GuesthouseError} `disk-in-use` when a QEMU writes to the source, `no-space`, `name-taken`, `disk-refused`;
 *   cancelled when `signal` fires
 */
export async function convertImage(
  source: ConvertSource,
  target: DiskRef,
  policy: ImagePolicy,
  options: ConvertOptions = {},
): Promise<void> {
  const from = path.resolve(source.path);
  const to = path.resolve(target.path);
  if (await exists(to)) throw new GuesthouseError('name-taken', `${to} is there already.`, { subject: to });
  let node: Record<string, unknown>;
  let reads: string[];
  if (source.format === 'raw' || source.format === 'qcow2') {
    const chain = await inspectChain({ path: from, format: source.format }, policy);
    node = blockdevOf(chain, true);
    reads = chain.flatMap((info) => filesOf(info));
  } else {
    const driver = foreign[source.format];
    if (!driver)
      throw new GuesthouseError('unsupported', `Images of format ${source.format} cannot be converted.`);
    reads = [...(await inspectForeign(from, source.format, policy)).files];
    node = { driver, 'read-only': true, file: { driver: 'file', filename: from, 'read-only': true } };
    if (['vmdk', 'qed', 'qcow'].includes(driver)) node.backing = null;
  }
  const temp = `${to}.part`;
  const tell = (chunk: string) => {
    const fraction = lastPercent(chunk);
    if (fraction !== null) options.progress?.(fraction);
  };
  const argv = await confined(
    [
      'qemu-img', 'convert', '-p', ...(options.compress ? ['-c'] : []), '-O', target.format,
      `json:${JSON.stringify(node)}`, temp,
    ], // biome-ignore format: a command
    { write: [path.dirname(to)], read: reads },
    { cpuSeconds: 24 * 3600, ...(options.most === undefined ? {} : { fileSize: options.most }) },
  );
  try {
    await run(argv, { signal: options.signal, onStdout: tell });
    // qemu-img convert leaves its output to the host's cache: after a power cut the name would be there, the data not.
    await syncPath(temp);
    await fs.rename(temp, to);
    await syncDir(path.dirname(to));
  } catch (error) {
    await fs.rm(temp, { force: true });
    if (options.most !== undefined && isTooLarge(error))
      throw new GuesthouseError('no-space', 'The image unpacks to more than fits here.', {
        why: `${Math.floor(options.most / 2 ** 20)} MiB were left for it.`,
        todo: 'Free some space; or do not trust an image that is so much larger inside.',
        cause: error,
      });
    throw lockError(noSpace(error));
  }
}

/** The limit on a file's size was met: SIGXFSZ, or EFBIG where the program ignores that (setrlimit(2)). */
function isTooLarge(error: unknown): boolean {
  return (
    error instanceof GuesthouseError &&
    (/SIGXFSZ/.test(error.message) || /File too large/.test(error.detail ?? ''))
  );
}

/** `    (12.34/100%)`, rewritten in place with carriage returns: the last one said. */
export function lastPercent(chunk: string): number | null {
  const all = [...chunk.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)];
  const last = all.at(-1)?.[1];
  return last === undefined ? null : Math.min(1, Number(last) / 100);
}

function filesOf(info: ImageInfo): string[] {
  return info.dataFile === null ? [info.path] : [info.path, info.dataFile];
}

async function foldersOf(ref: DiskRef, policy: ImagePolicy): Promise<string[]> {
  return (await inspectChain(ref, policy)).flatMap((info) => filesOf(info));
}

/** A refused image lock, in words; other errors as they are. */
export function lockError(error: unknown): unknown {
  if (error instanceof GuesthouseError && /Failed to get .*lock/.test(error.detail ?? ''))
    return new GuesthouseError('disk-in-use', 'The disk is in use.', {
      why: 'A running QEMU holds it.',
      todo: 'Shut the guest down first.',
      detail: error.detail,
      cause: error,
    });
  return error;
}
