import { keyMap } from '../../cloud-init/user-data.ts';
import { toYaml } from '../../cloud-init/yaml.ts';
import type { GuestTree } from '../tree.ts';
import type { IdentityValues } from '../values.ts';
import {
  matching,
  type PartPlan,
  type PartPlanner,
  type PlanContext,
  readText,
  remove,
  removeAll,
  type Step,
  write,
} from './context.ts';

const seedFolder = '/var/lib/cloud/seed/nocloud';
const metaPath = `${seedFolder}/meta-data`;
const userPath = `${seedFolder}/user-data`;
const secret = { mode: 0o600, uid: 0, gid: 0, shred: true };

/** What cloud-init keeps of the user data of an instance (cloud-init's `Paths.lookups`); it fetches them anew. */
const cached = ['user-data.txt', 'user-data.txt.i', 'cloud-config.txt', 'obj.pkl'];

/**
 * cloud-init deletes `/etc/ssh/ssh_host_*` on a new instance-id (`ssh_deletekeys`, its default), which would undo the
 * planned keys. So it is told of the new instance together with the same keys and name, through its NoCloud seed
 * folder, and asked to delete nothing. Sealing removes that seed and its per-instance state, so that it runs anew. Both
 * hold private keys and are overwritten.
 */
export const planCloudInit: PartPlanner = async ({ tree, mode, values }) => {
  const installed =
    (await tree.stat('/etc/cloud/cloud.cfg'))?.type === 'file' ||
    (await tree.stat('/var/lib/cloud'))?.type === 'directory';
  if (!installed) return { steps: [], warnings: [] };
  const steps: Step[] = [];
  for (const path of await matching(tree, '/var/lib/cloud', /^(instance|instances|data|sem|handlers)$/))
    steps.push(...(await removeAll('cloud-init', tree, path, { shred: true })));
  if (mode === 'seal') {
    const { steps: seed, warnings } = await planSealedSeed(tree);
    return { steps: [...steps, ...seed], warnings };
  }
  const metaData = {
    'instance-id': values!.instanceId,
    ...(values!.hostname === null ? {} : { 'local-hostname': values!.hostname }),
  };
  for (const folder of ['/var/lib/cloud', '/var/lib/cloud/seed', seedFolder])
    if ((await tree.stat(folder)) === null)
      steps.push({
        edit: { action: 'directory', path: folder, mode: 0o755, uid: 0, gid: 0 },
        change: { part: 'cloud-init', path: folder, action: 'directory', before: null, after: null },
      });
  steps.push(
    write('cloud-init', metaPath, toYaml(metaData), { after: values!.instanceId }, secret),
    userData(values!),
  );
  return { steps, warnings: [] };
};

function userData({ hostKeys, hostname }: Pick<IdentityValues, 'hostKeys' | 'hostname'>): Step {
  const data = {
    ssh_deletekeys: false,
    ssh_keys: keyMap(hostKeys),
    ...(hostname === null ? {} : { hostname, manage_etc_hosts: false }),
  };
  const shown = { after: 'the planned host keys and name' };
  return write('cloud-init', userPath, `#cloud-config\n${toYaml(data)}`, shown, secret);
}

/** The instance our own seed on the disk names; null when there is no seed or it is somebody else's. */
async function ownInstance(tree: GuestTree): Promise<string | null> {
  const meta = await readText(tree, metaPath);
  return /^instance-id: (guesthouse-[0-9a-f-]{36})$/m.exec(meta ?? '')?.[1] ?? null;
}

/** Our seed goes with its keys. Another's is a wish of whoever made the image: it stays, and is spoken of. */
async function planSealedSeed(tree: GuestTree): Promise<PartPlan> {
  const text = await readText(tree, userPath);
  if ((await ownInstance(tree)) === null)
    return {
      steps: [],
      warnings: /PRIVATE KEY/.test(text ?? '')
        ? [`${userPath} on the disk holds private keys that Guesthouse did not write: it stays as it is.`]
        : [],
    };
  return {
    steps: [
      remove('cloud-init', metaPath, { shred: true }),
      ...(text === null ? [] : [remove('cloud-init', userPath, { shred: true })]),
    ],
    warnings: [],
  };
}

/**
 * Where cloud-init is left alone but host keys or the name change, a seed of ours follows: it holds the old ones. It
 * stays the same instance, so that cloud-init does nothing again; what it keeps of the old seed is overwritten.
 */
export async function planSeedAgain(
  { tree, mode, values }: PlanContext,
  changing: { readonly keys: boolean; readonly name: boolean },
): Promise<readonly Step[]> {
  const instance = await ownInstance(tree);
  if (instance === null) return [];
  const steps: Step[] = [];
  if (changing.keys)
    for (const name of cached) {
      const path = `/var/lib/cloud/instances/${instance}/${name}`;
      if ((await tree.lstat(path))?.type === 'file') steps.push(remove('cloud-init', path, { shred: true }));
    }
  if (mode === 'seal') return changing.keys ? [...steps, ...(await planSealedSeed(tree)).steps] : [];
  const renamed = async (path: string, key: string) => {
    const text = await readText(tree, path);
    const line = new RegExp(`^${key}: .*$`, 'm');
    if (text === null || values!.hostname === null || !line.test(text)) return;
    const next = text.replace(line, () => toYaml({ [key]: values!.hostname }).trimEnd());
    if (next !== text) steps.push(write('cloud-init', path, next, { after: values!.hostname }, secret));
  };
  if (changing.name) await renamed(metaPath, 'local-hostname');
  if (changing.keys) {
    const kept = /^hostname: "?([\w.-]+)"?$/m.exec((await readText(tree, userPath)) ?? '')?.[1] ?? null;
    steps.push(userData({ ...values!, hostname: changing.name ? values!.hostname : kept }));
  } else if (changing.name) await renamed(userPath, 'hostname');
  return steps;
}
