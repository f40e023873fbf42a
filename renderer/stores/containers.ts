import { create } from 'zustand';
import type {
  Container,
  ContainerHost,
  ContainerState,
  ContainerStats,
} from '../../shared/model/container.ts';
import type { ContainerSpec } from '../../shared/model/container-spec.ts';
import { call } from '../bridge/call.ts';
import { keyedStore } from './keyed.ts';
import { operationEnd } from './operations.ts';
import { useTerminals } from './terminals.ts';
import { tellError } from './toasts.ts';
import { useUi } from './ui.ts';

export const useContainers = keyedStore<Container>();
export const useContainerHosts = keyedStore<ContainerHost>();

/** Samples kept a container: five minutes at one every two seconds. */
const historyLength = 150;

/** The last samples of each container, oldest first. */
export const useContainerStats = create<{
  history: Readonly<Record<string, readonly ContainerStats[]>>;
  add: (samples: readonly ContainerStats[]) => void;
  drop: (id: string) => void;
}>()((set) => ({
  history: {},
  add: (samples) =>
    set(({ history }) => {
      const next = { ...history };
      for (const sample of samples)
        next[sample.id] = [...(next[sample.id] ?? []), sample].slice(-historyLength);
      return { history: next };
    }),
  drop: (id) =>
    set(({ history }) => {
      const { [id]: _gone, ...rest } = history;
      return { history: rest };
    }),
}));

const none: readonly ContainerStats[] = [];
export const useContainerHistory = (id: string) => useContainerStats((state) => state.history[id] ?? none);

/** What the page shows of containers, kept when one goes elsewhere and comes back. */
export const useContainerView = create<{
  chosen: string | null;
  open: boolean;
  tab: string;
  set: (patch: Partial<{ chosen: string | null; open: boolean; tab: string }>) => void;
}>()((set) => ({ chosen: null, open: false, tab: 'overview', set: (patch) => set(patch) }));

export const containerStateWords: Readonly<
  Record<ContainerState, { word: string; tone: 'running' | 'waiting' | 'failed' | 'off' }>
> = {
  created: { word: 'Not started', tone: 'off' },
  running: { word: 'Running', tone: 'running' },
  paused: { word: 'Paused', tone: 'waiting' },
  stopping: { word: 'Stopping', tone: 'waiting' },
  exited: { word: 'Ended', tone: 'off' },
  other: { word: 'Unknown', tone: 'waiting' },
};

/** State for people: an end that was a failure says so. */
export function containerState({ state, exitCode }: Pick<Container, 'state' | 'exitCode'>) {
  if (state === 'exited' && exitCode !== null && exitCode !== 0 && exitCode !== 137 && exitCode !== 143)
    return { word: `Failed (${exitCode})`, tone: 'failed' as const };
  return containerStateWords[state];
}

/** Opens a shell in a container, or its log, in the dock. */
export async function openContainerConsole(id: string, what: 'shell' | 'logs'): Promise<void> {
  try {
    const terminal = await call('containers.console', { id, what });
    useTerminals.getState().put(terminal);
    useUi.getState().showTerminal(terminal.id);
  } catch (error) {
    tellError(error);
  }
}

type Verb = 'start' | 'stop' | 'restart' | 'pause' | 'unpause';

export async function actOnContainer(verb: Verb, id: string): Promise<void> {
  try {
    const started = await call(`containers.${verb}`, { id });
    if (started) await operationEnd(started.operation);
  } catch (error) {
    tellError(error);
  }
}

/** Makes a container; resolves with its id when it is there. Rejects as the operation does. */
export async function makeContainer(
  spec: ContainerSpec,
  begun: (operation: string) => void,
): Promise<string | null> {
  const { operation } = await call('containers.create', spec);
  begun(operation);
  await operationEnd(operation);
  const host = spec.host ?? 'local';
  const made = useContainers.getState().all.find((one) => one.host === host && one.name === spec.name);
  return made?.id ?? null;
}
