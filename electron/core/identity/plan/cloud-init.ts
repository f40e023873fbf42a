import { keyMap } from '../../cloud-init/user-data.ts';
import { toYaml } from '../../cloud-init/yaml.ts';
import { matching, type PartPlanner, remove, type Step, write } from './context.ts';

const seedFolder = '/var/lib/cloud/seed/nocloud';

/**
 * cloud-init deletes `/etc/ssh/ssh_host_*` on a new instance-id (`ssh_deletekeys`, its default), which would undo the
 * planned keys. So it is told of the new instance together with the same keys and name, through its NoCloud seed
 * folder, and asked to delete nothing. Sealing removes its per-instance state, so that it runs anew.
 */
export const planCloudInit: PartPlanner = async ({ tree, mode, values }) => {
  const installed =
    (await tree.stat('/etc/cloud/cloud.cfg'))?.type === 'file' ||
    (await tree.stat('/var/lib/cloud'))?.type === 'directory';
  if (!installed) return { steps: [], warnings: [] };
  const steps: Step[] = [];
  for (const path of await matching(tree, '/var/lib/cloud', /^(instance|instances|data|sem|handlers)$/)) {
    const stat = await tree.lstat(path);
    if (stat) steps.push(remove('cloud-init', path, { recursive: stat.type === 'directory' }));
  }
  if (mode === 'seal') return { steps, warnings: [] };
  const userData = {
    ssh_deletekeys: false,
    ssh_keys: keyMap(values!.hostKeys),
    ...(values!.hostname === null ? {} : { hostname: values!.hostname, manage_etc_hosts: false }),
  };
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
  const owner = { mode: 0o600, uid: 0, gid: 0, shred: true };
  steps.push(
    write('cloud-init', `${seedFolder}/meta-data`, toYaml(metaData), { after: values!.instanceId }, owner),
    write(
      'cloud-init',
      `${seedFolder}/user-data`,
      `#cloud-config\n${toYaml(userData)}`,
      { after: 'the planned host keys and name' },
      owner,
    ),
  );
  return { steps, warnings: [] };
};
