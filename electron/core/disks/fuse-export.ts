import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv, run } from '../platform/exec.ts';
import { makePrivateDir, syncPath } from '../platform/fs.ts';
import { blockdevOf } from './blockdev.ts';
import type { ImageInfo } from './image.ts';
import { limited } from './limits.ts';

/** A partition of an image as a file on the host that can be read and written. */
export interface ExportedPartition {
  /** Host path of a file that *is* the partition. */
  readonly file: string;
  /** A private folder for the edit's own temporary files; removed by {@link close}. */
  readonly dir: string;
  /**
   * Ends the daemon, removes the mount and the folder, and flushes the image unless that was left to the caller.
   * Throws when the daemon had failed.
   */
  close(): Promise<void>;
}

const startDeadlineMs = 15_000;

/**
 * Exports a partition by qemu-storage-daemon's FUSE export (qemu-storage-daemon(1)), under QEMU's image locks. When
 * this process is killed, the daemon stays, so that what is being written comes to its end; {@link cleanStaleExports}
 * then ends it.
 *
 * @param partition bytes; null exports the whole disk
 * @param flush false leaves it to the caller to flush the image once it is closed
 * @throws {GuesthouseError} `disk-in-use` when a QEMU holds the image; `unsupported` without FUSE; `program-missing`
 */
export async function exportPartition(
  chain: readonly ImageInfo[],
  partition: { readonly offset: number; readonly size: number } | null,
  runtimeDir: string,
  signal?: AbortSignal,
  flush = true,
): Promise<ExportedPartition> {
  const dir = await makeExportFolder(runtimeDir);
  const file = path.join(dir, exportFile);
  let daemon: ChildProcess | null = null;
  try {
    const argv = [
      'qemu-storage-daemon',
      '--blockdev',
      // Flushed once, by close(): in between, a flush for each of debugfs's would cost more than the edit.
      JSON.stringify({ ...blockdevOf(chain, false, true), 'node-name': 'disk' }),
    ];
    if (partition)
      argv.push(
        '--blockdev',
        JSON.stringify({ driver: 'raw', file: 'disk', 'node-name': 'part', ...partition }),
      );
    const target = { type: 'fuse', id: 'export', 'node-name': partition ? 'part' : 'disk', mountpoint: file };
    argv.push('--export', JSON.stringify({ ...target, writable: true, 'allow-other': 'off' }));
    const env = baseEnv();
    const [program, ...args] = withoutInherited(await limited(argv as [string, ...string[]]), env);
    daemon = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    const ended = watch(daemon);
    await untilMounted(file, ended, signal);
    const child = daemon;
    let closing: Promise<void> | null = null;
    return {
      file,
      dir,
      close: () => {
        closing ??= closeExport(child, ended, dir, file).then(() =>
          flush ? flushImage(chain[0]!) : undefined,
        );
        return closing;
      },
    };
  } catch (error) {
    if (daemon) await stopDaemon(daemon);
    await removeExport(dir, file);
    throw error;
  }
}

/** In a folder of {@link makeExportFolder}: an empty file that becomes the partition. */
export const exportFile = 'partition';

/** A private folder for one export and the temporary files of its edit. */
export async function makeExportFolder(runtimeDir: string): Promise<string> {
  await makePrivateDir(runtimeDir);
  const dir = path.join(runtimeDir, `export-${randomBytes(6).toString('hex')}`);
  await fs.mkdir(dir, { mode: 0o700 });
  await fs.writeFile(path.join(dir, exportFile), '', { mode: 0o600 });
  return dir;
}

/** The name of a folder for a daemon with several exports. */
export const daemonFolder = () => `daemon-${randomBytes(6).toString('hex')}`;

interface Ended {
  readonly promise: Promise<void>;
  /** Null while it runs. */
  result: { code: number | null; stderr: string; error?: NodeJS.ErrnoException } | null;
}

function watch(daemon: ChildProcess): Ended {
  let stderr = '';
  daemon.stderr!.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-8192);
  });
  const ended: { promise: Promise<void>; result: Ended['result'] } = {
    promise: Promise.resolve(),
    result: null,
  };
  ended.promise = new Promise((resolve) => {
    daemon.once('error', (error) => {
      ended.result ??= { code: null, stderr, error };
      resolve();
    });
    daemon.once('close', (code) => {
      ended.result ??= { code, stderr };
      resolve();
    });
  });
  return ended;
}

/** The mount file is empty until the export stands over it; then it has the partition's size. */
async function untilMounted(file: string, ended: Ended, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + startDeadlineMs;
  for (;;) {
    if (signal?.aborted) throw new CancelledError();
    if (ended.result) throw startError(ended.result);
    if ((await fs.stat(file)).size > 0) return;
    if (Date.now() > deadline)
      throw new GuesthouseError('timeout', 'The disk could not be opened for editing in time.', {
        why: 'qemu-storage-daemon did not answer.',
      });
    await Promise.race([ended.promise, new Promise((resolve) => setTimeout(resolve, 1))]);
  }
}

function startError({ stderr, error, code }: NonNullable<Ended['result']>): GuesthouseError {
  const missing =
    error?.code === 'ENOENT' ||
    /failed to execute qemu-storage-daemon|No such file.*qemu-storage/.test(stderr);
  if (missing || code === 127)
    return new GuesthouseError('program-missing', 'qemu-storage-daemon is not installed.', {
      todo: 'Install QEMU with its storage daemon; see the Host page.',
      subject: 'qemu-storage-daemon',
    });
  return exportError(stderr, error?.message);
}

/** What a daemon's words mean, from its output or from its answer. */
export function exportError(stderr: string, otherwise?: string): GuesthouseError {
  if (/Failed to get .*lock|Is another process using the image/.test(stderr))
    return new GuesthouseError('disk-in-use', 'The disk is in use.', {
      why: 'A running QEMU holds it, and two writers would ruin it.',
      todo: 'Shut the guest down first.',
      detail: stderr.trim(),
    });
  if (/Could not open '[^']*': No such file/.test(stderr))
    return new GuesthouseError('disk-missing', 'A disk image is gone.', {
      why: stderr.trim().split('\n').at(-1),
      todo: 'Put the file back.',
      detail: stderr.trim(),
    });
  if (/fuse|FUSE|fusermount/.test(stderr))
    return new GuesthouseError('unsupported', 'Disks cannot be edited here: FUSE does not work.', {
      why: stderr.trim().split('\n').at(-1),
      todo: 'Install fuse3 and make sure that /dev/fuse is there and may be opened by you.',
      detail: stderr.trim(),
    });
  if (/Permission denied/.test(stderr))
    return new GuesthouseError('no-permission', 'The disk may not be written.', { detail: stderr.trim() });
  if (/No space left/.test(stderr))
    return new GuesthouseError('no-space', 'The disk of this computer is full.', { detail: stderr.trim() });
  return new GuesthouseError('program-failed', 'The disk could not be opened for editing.', {
    why: stderr.trim().split('\n').at(-1) || otherwise,
    detail: stderr.trim(),
  });
}

async function closeExport(daemon: ChildProcess, ended: Ended, dir: string, file: string): Promise<void> {
  const early = ended.result;
  await stopDaemon(daemon);
  await removeExport(dir, file);
  if (early)
    throw new GuesthouseError('program-failed', 'The disk was closed while it was edited.', {
      why: 'qemu-storage-daemon ended by itself.',
      detail: early.stderr.trim(),
    });
}

/** Only now is what was written on the disk: fsync(2) of the image, which the daemon has let go. */
export async function flushImage({ path: image, dataFile }: ImageInfo): Promise<void> {
  await Promise.all((dataFile === null ? [image] : [image, dataFile]).map(syncPath));
}

/** SIGTERM lets it flush and unmount; SIGKILL only when it does not come to an end. */
export async function stopDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  const timer = setTimeout(() => daemon.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(timer);
}

/** Removes an export's folder, a dead mount in it first. Never goes through a mount: that would be the disk. */
export async function removeExport(dir: string, file: string): Promise<void> {
  if (await isMounted(file))
    await run(['fusermount3', '-u', '-z', file], { timeoutMs: 10_000 }).catch(() => {});
  await fs.rm(dir, { recursive: true, force: true });
}

async function isMounted(file: string): Promise<boolean> {
  const table = await fs.readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return table.includes(
    ` ${file.replace(/[\\ \t\n]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)} `,
  );
}

/**
 * Removes what a killed run left in `runtimeDir`: daemons (only those whose arguments name our files), dead mounts,
 * folders. What was being written comes to its end first. For the owner of the library at its start, before it edits
 * anything.
 * @returns how many were removed
 */
export async function cleanStaleExports(runtimeDir: string): Promise<number> {
  const names = await fs.readdir(runtimeDir).catch(() => [] as string[]);
  const exports = names.filter((name) => /^export-[0-9a-f]{12}$/.test(name));
  const daemons = names.filter((name) => /^daemon-[0-9a-f]{12}$/.test(name));
  const mounts = exports.map((name) => path.join(runtimeDir, name, exportFile));
  const gone = async (file: string, program: RegExp) => {
    for (let i = 0; i < 1000 && (await processesFor(file, program)).length > 0; i++) await pause(10);
  };
  for (const file of mounts) await gone(file, /^(debugfs|e2fsck)$/);
  // By their arguments rather than by a pidfile's content: they may have been killed before they wrote one.
  for (const file of [...mounts, ...daemons.map((name) => path.join(runtimeDir, name, 'pid'))]) {
    for (const pid of await processesFor(file, /^qemu-storage-daemon$/)) process.kill(pid, 'SIGTERM');
    await gone(file, /^qemu-storage-daemon$/);
  }
  for (const file of mounts) await removeExport(path.dirname(file), file);
  for (const name of daemons) await fs.rm(path.join(runtimeDir, name), { recursive: true, force: true });
  return exports.length + daemons.length;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Processes of that program name which have the mount file in their arguments; a dead one has none. */
async function processesFor(file: string, program: RegExp): Promise<number[]> {
  const found: number[] = [];
  for (const name of await fs.readdir('/proc').catch(() => [] as string[])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const argv = (await fs.readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const named = argv.some((word) => word === file || word.includes(JSON.stringify(file)));
    if (named && argv.some((word) => program.test(path.basename(word)))) found.push(Number(name));
  }
  return found;
}
