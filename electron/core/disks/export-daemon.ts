import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv } from '../platform/exec.ts';
import { makePrivateDir } from '../platform/fs.ts';
import { QmpClient, QmpCommandError } from '../qmp/client.ts';
import { blockdevOf } from './blockdev.ts';
import {
  daemonFolder,
  type ExportedPartition,
  exportError,
  exportFile,
  exportPartition,
  flushImage,
  makeExportFolder,
  removeExport,
  stopDaemon,
} from './fuse-export.ts';
import type { ImageInfo } from './image.ts';
import { limited } from './limits.ts';

const startDeadlineMs = 15_000;
/** Bytes of a Unix socket's path (unix(7)), its ending zero among them. */
const maxSocketPath = 108;

/**
 * One storage daemon for many edits, told over QMP what to export: to start one takes longer than an edit. Only for
 * disks that come from one source, as the clones of a batch do: a guest that broke out of its image into the daemon
 * would meet no other guest there.
 */
export class ExportDaemon {
  private next = 0;

  private constructor(
    private readonly runtimeDir: string,
    private readonly dir: string,
    private readonly child: ChildProcess,
    private readonly qmp: QmpClient,
  ) {}

  /** @returns null where none can be started: each edit then starts its own, and says what is wrong */
  static async start(runtimeDir: string, signal?: AbortSignal): Promise<ExportDaemon | null> {
    const dir = path.join(runtimeDir, daemonFolder());
    const socket = path.join(dir, 'qmp');
    if (Buffer.byteLength(socket) >= maxSocketPath) return null;
    await makePrivateDir(dir);
    let child: ChildProcess | null = null;
    try {
      const env = baseEnv();
      const argv = await limited([
        'qemu-storage-daemon',
        // By this file's name a later owner finds the daemon of one that was killed.
        '--pidfile',
        path.join(dir, 'pid'),
        '--chardev',
        `socket,id=qmp,server=on,wait=off,path=${socket.replaceAll(',', ',,')}`,
        '--monitor',
        'chardev=qmp',
      ]);
      const [program, ...args] = withoutInherited(argv, env);
      child = spawn(program, args, { env, stdio: 'ignore', detached: true });
      child.on('error', () => {});
      const qmp = await connect(socket, child, signal);
      return new ExportDaemon(runtimeDir, dir, child, qmp);
    } catch {
      if (child) await stopDaemon(child);
      await fs.rm(dir, { recursive: true, force: true });
      return null;
    }
  }

  /** False once it has ended. */
  get open(): boolean {
    return this.qmp.open;
  }

  /** As exportPartition, by this daemon. */
  async export(
    chain: readonly ImageInfo[],
    partition: { readonly offset: number; readonly size: number } | null,
    signal?: AbortSignal,
    flush = true,
  ): Promise<ExportedPartition> {
    if (signal?.aborted) throw new CancelledError();
    const n = ++this.next;
    const disk = `disk${n}`;
    const node = partition ? `part${n}` : disk;
    const id = `export${n}`;
    const dir = await makeExportFolder(this.runtimeDir);
    const file = path.join(dir, exportFile);
    const nodes: string[] = [];
    try {
      await this.qmp.execute('blockdev-add', { ...blockdevOf(chain, false, true), 'node-name': disk });
      nodes.unshift(disk);
      if (partition) {
        await this.qmp.execute('blockdev-add', {
          driver: 'raw',
          file: disk,
          'node-name': node,
          offset: partition.offset,
          size: partition.size,
        });
        nodes.unshift(node);
      }
      await this.qmp.execute('block-export-add', {
        type: 'fuse',
        id,
        'node-name': node,
        mountpoint: file,
        writable: true,
        'allow-other': 'off',
      });
    } catch (error) {
      await this.drop(nodes).catch(() => {});
      await removeExport(dir, file);
      throw error instanceof QmpCommandError ? exportError(`${error.desc}\n`) : error;
    }
    let closing: Promise<void> | null = null;
    const close = async () => {
      try {
        const gone = this.qmp.waitFor(
          ({ event, data }) => event === 'BLOCK_EXPORT_DELETED' && data?.id === id,
          { timeoutMs: 60_000, what: 'The end of the export' },
        );
        gone.catch(() => {});
        await this.qmp.execute('block-export-del', { id, mode: 'hard' });
        await gone;
        await this.drop(nodes);
      } catch (cause) {
        throw new GuesthouseError('program-failed', 'The disk was closed while it was edited.', {
          why: cause instanceof GuesthouseError ? (cause.why ?? cause.message) : undefined,
          cause,
        });
      } finally {
        await removeExport(dir, file);
      }
      if (flush) await flushImage(chain[0]!);
    };
    return {
      file,
      dir,
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  }

  private async drop(nodes: readonly string[]): Promise<void> {
    for (const name of nodes) await this.qmp.execute('blockdev-del', { 'node-name': name });
  }

  async close(): Promise<void> {
    this.qmp.close();
    await stopDaemon(this.child);
    await fs.rm(this.dir, { recursive: true, force: true });
  }
}

async function connect(socket: string, child: ChildProcess, signal?: AbortSignal): Promise<QmpClient> {
  const deadline = Date.now() + startDeadlineMs;
  for (;;) {
    if (signal?.aborted) throw new CancelledError();
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline)
      throw new GuesthouseError('program-failed', 'qemu-storage-daemon did not start.');
    try {
      return await QmpClient.connect(socket, { signal });
    } catch (error) {
      if (!(error instanceof GuesthouseError) || error.code !== 'qmp-closed') throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Exports a partition by the daemon there is, or by one started for it. Errors as {@link exportPartition}. */
export function exportBy(
  chain: readonly ImageInfo[],
  partition: { readonly offset: number; readonly size: number } | null,
  options: {
    readonly runtimeDir: string;
    readonly daemon?: ExportDaemon | null;
    readonly signal?: AbortSignal;
    readonly flush?: boolean;
  },
): Promise<ExportedPartition> {
  const { runtimeDir, daemon, signal, flush } = options;
  return daemon?.open
    ? daemon.export(chain, partition, signal, flush)
    : exportPartition(chain, partition, runtimeDir, signal, flush);
}
