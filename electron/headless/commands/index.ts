import type { Command } from 'commander';
import type { Runner } from '../run.ts';
import { registerAgent } from './agent.ts';
import { registerConsole } from './console.ts';
import { registerContainers } from './containers.ts';
import { registerCreate } from './create.ts';
import { registerDelete } from './delete.ts';
import { registerGroups } from './groups.ts';
import { registerHardware } from './hardware.ts';
import { registerHost } from './host.ts';
import { registerIdentity } from './identity.ts';
import { registerKeys } from './keys.ts';
import { registerLabels } from './labels.ts';
import { registerList } from './list.ts';
import { registerNetworks } from './networks.ts';
import { registerPower } from './power.ts';
import { registerScreenshot } from './screenshot.ts';
import { registerServers } from './servers.ts';
import { registerShow } from './show.ts';
import { registerSnapshots } from './snapshots.ts';
import { registerSsh } from './ssh.ts';
import { registerStarter } from './starter.ts';
import { registerTemplates } from './templates.ts';
import { registerXml } from './xml.ts';

/** Adds a group of commands to the program. One file a group. */
export type Register = (program: Command, runner: Runner) => void;

export const commands: readonly Register[] = [
  registerHost,
  registerStarter,
  registerCreate,
  registerList,
  registerShow,
  registerPower,
  registerConsole,
  registerAgent,
  registerLabels,
  registerDelete,
  registerKeys,
  registerSsh,
  registerServers,
  registerTemplates,
  registerIdentity,
  registerXml,
  registerHardware,
  registerSnapshots,
  registerScreenshot,
  registerGroups,
  registerContainers,
  registerNetworks,
];
