import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { withoutInherited } from '../platform/descriptors.ts';
import { baseEnv, run } from '../platform/exec.ts';
import type { PlannedChange } from './edit-places.ts';
import { limited } from './limits.ts';

/**
 * Builds the commands for one debugfs run (debugfs(8)). Folders are entered by inode number; names are those of the
 * plan, checked when it was made; contents come from files in our own folder. So nothing that was merely found in an
 * image becomes a command.
 * @param freeBlocks blocks that debugfs would forget to free (see attribute-blocks.ts)
 */
export async function writeScript(
  changes: readonly PlannedChange[],
  freeBlocks: readonly number[],
  sectorsPerBlock: number,
  dir: string,
): Promise<string> {
  const lines: string[] = [];
  let here = '';
  let files = 0;
  const temp = async (content: Uint8Array) => {
    const file = path.join(dir, `data-${files++}`);
    await fs.writeFile(file, content, { mode: 0o600, flag: 'wx' });
    return quote(file);
  };
  for (const { folderInode, newFolders, name, existing, change } of changes) {
    const folder = JSON.stringify([folderInode, newFolders]);
    if (folder !== here) {
      lines.push(`cd <${folderInode}>`, ...newFolders.map((part) => `cd ${quote(part)}`));
      here = folder;
    }
    const target = quote(name);
    const attributes = (
      kind: number,
      { mode, uid, gid }: { mode: number; uid: number; gid: number },
      at = target,
    ) =>
      lines.push(
        `set_inode_field ${at} mode 0${(kind | mode).toString(8)}`,
        `set_inode_field ${at} uid ${uid}`,
        `set_inode_field ${at} gid ${gid}`,
      );
    const xattrs = async (all: ReadonlyMap<string, Buffer>) => {
      for (const [attribute, value] of all)
        lines.push(`ea_set -f ${await temp(value)} -r ${target} ${attribute}`);
    };
    const remove = (command: 'rm' | 'rmdir') => {
      if (existing) lines.push(`${command} ${target}`);
    };
    switch (change.kind) {
      case 'file':
        remove('rm');
        lines.push(`write ${await temp(change.content)} ${target}`);
        attributes(0o100000, change);
        await xattrs(change.xattrs);
        break;
      case 'symlink':
        remove('rm');
        lines.push(`symlink ${target} ${quote(change.target)}`);
        await xattrs(change.xattrs);
        break;
      case 'folder':
        lines.push(`mkdir ${target}`);
        attributes(0o040000, change);
        break;
      case 'removed':
        remove(change.folder ? 'rmdir' : 'rm');
        break;
      case 'attributes':
        if (existing) attributes(existing.mode & 0o170000, change, `<${existing.number}>`);
        break;
    }
  }
  if (freeBlocks.length > 0) {
    // `freeb` leaves the group's counts wrong. As the only block of a file that is removed, a block is freed well.
    const scratch = `.scratch-${randomBytes(8).toString('hex')}`;
    const empty = await temp(new Uint8Array());
    lines.push('cd <2>');
    for (const block of freeBlocks)
      lines.push(
        `write ${empty} ${scratch}`,
        `set_inode_field ${scratch} bmap[0] ${block}`,
        `set_inode_field ${scratch} blocks ${sectorsPerBlock}`,
        `rm ${scratch}`,
      );
  }
  return `${lines.join('\n')}\n`;
}

/** debugfs's parser takes what stands between double quotes as one word; quotes were refused in names. */
function quote(word: string): string {
  if (/["\n\r\0]/.test(word))
    throw new GuesthouseError('invalid-input', 'A name with a quote cannot be edited.');
  return `"${word}"`;
}

/**
 * Runs the commands. debugfs exits with 0 whatever fails, so anything it says on stderr beyond its banner is a
 * failure here. It is not cancelled half-way, and it writes to files rather than to pipes of ours: when this process
 * is killed, debugfs still comes to its end and the file system stays whole.
 * @param device the partition's file
 */
export async function runDebugfs(device: string, script: string, dir: string): Promise<void> {
  const commands = path.join(dir, 'commands');
  await fs.writeFile(commands, script, { mode: 0o600 });
  const argv = await limited(['debugfs', '-w', '-f', commands, device], { cpuSeconds: 120 });
  const { stderr } = await runToFiles(argv, dir);
  const said = stderr.split('\n').filter((line) => line.trim() !== '' && !/^debugfs \d/.test(line));
  if (said.length > 0) {
    const full = said.some((line) => /Could not allocate|No free space|no space/i.test(line));
    throw new GuesthouseError(full ? 'no-space' : 'disk-damaged', "The guest's disk could not be edited.", {
      why: full ? "The guest's file system is full." : said[0],
      detail: said.join('\n').slice(0, 4000),
    });
  }
}

/** Runs a program in a session of its own with its output in `dir`. Never cancelled. */
async function runToFiles(argv: readonly [string, ...string[]], dir: string) {
  const env = baseEnv();
  const [program, ...args] = withoutInherited(argv, env);
  const name = path.join(dir, 'output');
  const out = await fs.open(`${name}.out`, 'w', 0o600);
  const err = await fs.open(`${name}.err`, 'w', 0o600);
  let code: number | null;
  try {
    code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(program, args, {
        env,
        stdio: ['ignore', out.fd, err.fd],
        detached: true,
      });
      child.once('exit', resolve);
      child.once('error', (cause: NodeJS.ErrnoException) =>
        reject(
          new GuesthouseError('program-missing', `${argv[0]} could not be started.`, {
            why: cause.message,
            todo: 'Install e2fsprogs; see the Host page.',
            subject: program,
            cause,
          }),
        ),
      );
    });
  } finally {
    await out.close();
    await err.close();
  }
  const text = async (file: string) => (await fs.readFile(file)).subarray(0, 1 << 20).toString('utf8');
  const stdout = await text(`${name}.out`);
  const stderr = await text(`${name}.err`);
  if (code === 127 || code === null)
    throw new GuesthouseError('program-failed', `${program} did not come to its end.`, { detail: stderr });
  return { code, stdout, stderr };
}

/**
 * Replays an unclean journal and repairs what is safe to repair (e2fsck(8) -p).
 * @throws {GuesthouseError} `disk-damaged` when it needs a person
 */
export async function replayJournal(device: string, dir: string): Promise<void> {
  const { code, stdout, stderr } = await runToFiles(await limited(['e2fsck', '-p', device]), dir);
  if (code === 0 || code === 1) return;
  throw new GuesthouseError('disk-damaged', "The guest's file system is damaged.", {
    why: 'Its journal could not be replayed, or there are errors that need a decision.',
    todo: 'Run fsck inside the guest, or restore the disk from a copy.',
    detail: `${stdout}\n${stderr}`.trim().slice(-4000),
  });
}

/** True consistency of the whole file system, read-only (e2fsck(8) -fn). Takes a second per some 100,000 files. */
export async function verifyFilesystem(device: string, signal?: AbortSignal): Promise<void> {
  const argv = await limited(['e2fsck', '-fn', device]);
  const { code, stdout } = await run(argv, { okCodes: [0, 4, 8, 12], signal });
  if (code !== 0)
    throw new GuesthouseError('disk-damaged', "The guest's file system is damaged.", {
      why: stdout.split('\n').find((line) => /\?|ERROR|corrupt|wrong/i.test(line)),
      detail: stdout.slice(-4000),
    });
}
