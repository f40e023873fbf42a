import { GuesthouseError } from '../../../../shared/errors.ts';
import type { IdentityChange, IdentityPart } from '../../../../shared/model/identity.ts';
import type { GuestTree, TreeEdit } from '../tree.ts';
import type { IdentityValues } from '../values.ts';

/** `seal` empties, `clone` and `repair` write new values. */
export type PlanMode = 'clone' | 'repair' | 'seal';

export interface PlanContext {
  readonly tree: GuestTree;
  readonly mode: PlanMode;
  /** New values; null when sealing. */
  readonly values: IdentityValues | null;
  /** The hostname on the disk now. */
  readonly oldHostname: string | null;
  /** Old MAC to new MAC, lower case with colons. */
  readonly macs: ReadonlyMap<string, string>;
}

/** What a part wants done: the edit, and how to show it. */
export interface Step {
  readonly edit: TreeEdit;
  readonly change: IdentityChange;
}

export interface PartPlan {
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

/** Largest configuration file that is read or rewritten, bytes. */
export const maxConfig = 1 << 20;

/** Reads a small text file, or null. Not UTF-8 or over the limit counts as an error the person hears about. */
export async function readText(tree: GuestTree, path: string): Promise<string | null> {
  const bytes = await tree.readFile(path, maxConfig);
  return bytes === null ? null : bytes.toString('utf8');
}

/** Fails when something other than a regular file or link stands where a file must be written. */
export async function mustBeFile(tree: GuestTree, path: string): Promise<void> {
  const stat = await tree.lstat(path);
  if (stat && stat.type !== 'file' && stat.type !== 'symlink')
    throw new GuesthouseError('disk-refused', `${path} in the guest is not a file.`, {
      why:
        stat.type === 'directory' ? 'A folder stands where a file should be.' : 'It is a device or a socket.',
      todo: 'Start the guest and put it right from inside, then try again.',
    });
}

export function write(
  part: IdentityChange['part'],
  path: string,
  content: string | Buffer,
  show: { before?: string | null; after?: string | null } = {},
  attributes: { mode?: number; uid?: number; gid?: number; shred?: boolean } = {},
): Step {
  return {
    edit: { action: 'write', path, content: Buffer.from(content), ...attributes },
    change: { part, path, action: 'write', before: show.before ?? null, after: show.after ?? null },
  };
}

export function remove(
  part: IdentityChange['part'],
  path: string,
  options: { shred?: boolean; recursive?: boolean; before?: string | null } = {},
): Step {
  return {
    edit: { action: 'remove', path, shred: options.shred, recursive: options.recursive },
    change: { part, path, action: 'remove', before: options.before ?? null, after: null },
  };
}

/** More than this below a folder are shown as the folder alone. */
const shownBelow = 500;

/** Removes a file, or a folder with all that is in it: each is a step of its own, so that a preview names it. */
export async function removeAll(
  part: IdentityChange['part'],
  tree: GuestTree,
  path: string,
  options: { shred?: boolean } = {},
): Promise<Step[]> {
  const steps: Step[] = [];
  const visit = async (at: string): Promise<void> => {
    const stat = await tree.lstat(at);
    if (stat?.type === 'directory' && steps.length < shownBelow)
      for (const name of (await tree.readdir(at)).slice(0, shownBelow))
        if (!unnameable.test(name)) await visit(`${at}/${name}`);
    const folder = stat?.type === 'directory';
    if (stat) steps.push(remove(part, at, folder ? { ...options, recursive: true } : options));
  };
  await visit(path);
  return steps.length < shownBelow ? steps : steps.slice(-1);
}

/** What no edit can name (checkName of disks/edit-plan.ts refuses it): such files stay. */
const unnameable = /[\p{Cc}"'\\<>\ufffd]/u;

/** Paths in `folder` whose name matches and can be edited, at most `limit` of them. */
export async function matching(
  tree: GuestTree,
  folder: string,
  pattern: RegExp,
  limit = 200,
): Promise<readonly string[]> {
  const names = (await tree.readdir(folder)).filter((name) => pattern.test(name) && !unnameable.test(name));
  if (names.length > limit)
    throw new GuesthouseError(
      'disk-refused',
      `${folder} in the guest holds ${names.length} files of one kind.`,
      {
        why: `More than ${limit} are not touched, since something is wrong there.`,
        todo: `Look into ${folder} from inside the guest.`,
      },
    );
  return names.sort().map((name) => `${folder}/${name}`);
}

export type PartPlanner = (context: PlanContext) => Promise<PartPlan>;
export type PartPlanners = Record<IdentityPart, PartPlanner>;
