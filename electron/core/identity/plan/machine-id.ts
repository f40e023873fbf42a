import { machineIdStateOf } from '../facts.ts';
import { mustBeFile, type PartPlanner, readText, type Step, write } from './context.ts';

/** /etc/machine-id (machine-id(5)): 32 hex digits and a line break, mode 0444. */
const machineIdPath = '/etc/machine-id';
/** D-Bus falls back to this one; a link to the other keeps them one (dbus-uuidgen(1)). */
const dbusPath = '/var/lib/dbus/machine-id';

export const planMachineId: PartPlanner = async ({ tree, mode, values }) => {
  await mustBeFile(tree, machineIdPath);
  const old = await readText(tree, machineIdPath);
  const state = machineIdStateOf(old);
  const before = state.state === 'ok' ? state.id : state.state;
  // A link at /etc/machine-id (some images point it at the D-Bus file) would make our link a loop: it becomes a file.
  const steps: Step[] = [];
  if ((await tree.lstat(machineIdPath))?.type === 'symlink')
    steps.push({
      edit: { action: 'remove', path: machineIdPath },
      change: { part: 'machine-id', path: machineIdPath, action: 'remove', before: 'a link', after: null },
    });
  steps.push(
    mode === 'seal'
      ? write('machine-id', machineIdPath, '', { before, after: 'empty' }, { mode: 0o444, uid: 0, gid: 0 })
      : write(
          'machine-id',
          machineIdPath,
          `${values!.machineId}\n`,
          { before, after: values!.machineId },
          { mode: 0o444, uid: 0, gid: 0 },
        ),
  );
  const dbusFolder = await tree.stat('/var/lib/dbus');
  const link = await tree.readlink(dbusPath);
  if (dbusFolder?.type === 'directory' && link !== machineIdPath) {
    await mustBeFile(tree, dbusPath);
    const was = link === null ? ((await readText(tree, dbusPath))?.trim() ?? 'missing') : `a link to ${link}`;
    steps.push({
      edit: { action: 'link', path: dbusPath, target: machineIdPath },
      change: {
        part: 'machine-id',
        path: dbusPath,
        action: 'link',
        before: was || 'empty',
        after: `a link to ${machineIdPath}`,
      },
    });
  }
  return { steps, warnings: [] };
};
