/**
 * For tests: a small core that can be told to fail, wait, announce and echo; and a process around acquireCore that says
 * on its output what it became (`owner`, `client`), and again after each change of owner.
 */
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { EventEnvelope } from '../../../shared/ipc/events.ts';
import { defaultSettings } from '../../../shared/model/settings.ts';
import type { Core, PortLike } from '../api.ts';
import { acquireCore } from '../owner/acquire.ts';
import { silentLog } from '../platform/log.ts';
import { libraryPaths } from '../platform/paths.ts';

export interface FixtureCore extends Core {
  announce(): void;
  readonly listeners: number;
  /** Names of calls whose signal fired. */
  readonly aborted: string[];
  readonly ports: PortLike[];
}

/** Answers `guests.log` with its input, refuses `guests.detail`, never answers `guests.start`. */
export function fixtureCore(): FixtureCore {
  const listeners = new Set<(envelope: EventEnvelope) => void>();
  const aborted: string[] = [];
  const ports: PortLike[] = [];
  let revision = 0;
  return {
    aborted,
    ports,
    get listeners() {
      return listeners.size;
    },
    announce() {
      const envelope: EventEnvelope = {
        revision: ++revision,
        event: { type: 'settings', settings: defaultSettings },
      };
      for (const listener of listeners) listener(envelope);
    },
    async call(name, input, context) {
      if (name === 'guests.detail')
        throw new GuesthouseError('not-found', 'No such guest.', { why: 'It is a test.', subject: 'x' });
      if (name === 'guests.start')
        return await new Promise<never>((_, reject) =>
          context?.signal.addEventListener('abort', () => {
            aborted.push(name);
            reject(new CancelledError());
          }),
        );
      return (name === 'guests.log' ? JSON.stringify(input) : undefined) as never;
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async openPort(_kind, id, port) {
      if (id === 'none') throw new GuesthouseError('not-found', 'No such console.');
      ports.push(port);
      port.onMessage((message) => port.postMessage(message));
    },
    async close() {},
  };
}

/** The process of the tests: its library comes from the environment. */
export async function main(): Promise<void> {
  const say = (word: string) => process.stdout.write(`${word}\n`);
  try {
    const core = await acquireCore({
      paths: libraryPaths(),
      log: silentLog,
      createCore: async () => {
        // Reading a library takes its time; meanwhile others come.
        await new Promise((resolve) => setTimeout(resolve, 100));
        return fixtureCore();
      },
    });
    core.onEvent(({ event }) => {
      if (event.type === 'reset') say(core.role);
    });
    say(core.role);
    process.stdin.resume();
    process.stdin.on('end', () => void core.close().then(() => process.exit(0)));
  } catch (error) {
    say(`error ${(error as { code?: string }).code}`);
    process.exit(1);
  }
}
