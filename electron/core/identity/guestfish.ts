import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { inspectChain, type UnsupportedDiskError } from '../disks/index.ts';
import { findProgram } from '../disks/limits.ts';
import type { FilesystemKind } from '../disks/signatures.ts';
import { run } from '../platform/exec.ts';
import type { DiskSet } from './disk-tree.ts';
import type { MemoryTree } from './memory-tree.ts';
import { alsoInteresting, applyInput, applyScript, parseSnapshot, snapshotScript } from './remote.ts';
import type { TreeEdit } from './tree.ts';

/**
 * Identity on disks that only libguestfs opens (LVM, XFS, Btrfs…): guestfish(1) boots its appliance on the disk, and in
 * the guest's own tree the very scripts run that run over SSH. It takes the better part of a minute, so it is for what
 * was asked for, never for looking around.
 */

/** What is tried. LUKS is not: nobody has given the key. */
const openable: ReadonlySet<FilesystemKind> = new Set(['lvm', 'xfs', 'btrfs', 'mdraid', 'f2fs']);

/** True when guestfish is installed and knows what the disk holds. */
export async function guestfishOpens(error: UnsupportedDiskError): Promise<boolean> {
  if (error.kinds.includes('luks') || !error.kinds.some((kind) => openable.has(kind))) return false;
  return (await findProgram('guestfish')) !== null;
}

/** What to say of a disk that is reached this way. */
export const slowWarning =
  'The disk is opened by guestfish: each look and each change takes the better part of a minute.';

const snapshot = snapshotScript(alsoInteresting);

/** Reads what identifies the guest. @throws {GuesthouseError} `program-failed`, `disk-in-use` */
export async function readByGuestfish(set: DiskSet, signal?: AbortSignal): Promise<MemoryTree> {
  const output = await guestfish(set, true, [snapshot], signal);
  return (await parseSnapshot(output, 0)).tree;
}

/** Applies edits and reads them back. Secrets travel by stdin. Errors as {@link readByGuestfish}, `disk-damaged`. */
export async function editByGuestfish(
  set: DiskSet,
  edits: readonly TreeEdit[],
  signal?: AbortSignal,
): Promise<void> {
  const apply = `{ ${applyScript}\n} <<'GUESTHOUSE'\n${applyInput(edits)}GUESTHOUSE\n`;
  const output = await guestfish(set, false, [apply, snapshot], signal);
  const [, rest] = /^(?:[^\n]*\n)*?applied\n+([\s\S]*)$/.exec(output) ?? [];
  if (rest === undefined)
    throw new GuesthouseError('program-failed', "The guest's disk could not be edited by guestfish.", {
      detail: output.slice(-2000),
    });
  const { tree } = await parseSnapshot(rest, 0);
  const last = new Map(edits.map((edit) => [edit.path, edit]));
  for (const edit of last.values())
    if (edit.action === 'write') {
      const found = await tree.readFile(edit.path, 1 << 20);
      if (found && !found.equals(Buffer.from(edit.content)))
        throw new GuesthouseError(
          'disk-damaged',
          `${edit.path} on the guest's disk is not what was written.`,
          { why: 'Reading it back gave something else.' },
        );
    }
}

/** Runs scripts by the shell in the guest's tree; gives what they print. */
async function guestfish(
  set: DiskSet,
  readOnly: boolean,
  scripts: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const argv: [string, ...string[]] = ['guestfish', readOnly ? '--ro' : '--rw', '--no-progress-bars'];
  for (const disk of set.disks) {
    await inspectChain(disk, set.policy); // judged by our own reading before QEMU opens it
    argv.push(`--format=${disk.format}`, '-a', disk.path);
  }
  argv.push('-i');
  try {
    const { stdout } = await run(argv, {
      input: `${scripts.map((script) => `sh ${quoted(script)}`).join('\n')}\n`,
      // TCG: where KVM opens but runs nothing, libguestfs would wait for ever. Direct: without libvirt.
      env: { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
      signal,
      timeoutMs: 900_000,
      maxOutput: 8 << 20,
    });
    return stdout.replace(/\n+$/, '\n'); // guestfish ends what a script printed with a line end of its own
  } catch (cause) {
    if (cause instanceof CancelledError || !(cause instanceof GuesthouseError)) throw cause;
    const text = `${cause.why ?? ''}\n${cause.detail ?? ''}`;
    if (/Failed to get .*lock/.test(text))
      throw new GuesthouseError('disk-in-use', 'The disk is in use.', {
        why: 'A running QEMU holds it.',
        todo: 'Shut the guest down first.',
        cause,
      });
    throw new GuesthouseError(cause.code, 'guestfish could not open the guest’s files.', {
      why: cause.why,
      todo: 'Start the guest and work over SSH, or give it a cloud-init seed.',
      detail: cause.detail,
      cause,
    });
  }
}

/** A word of guestfish(1), "OTHER QUOTING": in double quotes, with C's escapes. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\t/g, '\\t')}"`;
}
