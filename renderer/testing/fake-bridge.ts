import { GuesthouseError, toWire } from '../../shared/errors.ts';
import type { Bridge, Envelope } from '../../shared/ipc/contract.ts';
import type { CoreEvent, Snapshot } from '../../shared/ipc/events.ts';
import type { Guest, GuestState } from '../../shared/model/guest.ts';
import type { Operation } from '../../shared/model/operation.ts';
import { defaultSettings } from '../../shared/model/settings.ts';
import type { Starter } from '../../shared/model/starter.ts';

/** A guest with everything said; tests change what they are about. */
export function makeGuest(name: string, patch: Partial<Guest> = {}): Guest {
  const state: GuestState = patch.state ?? 'off';
  const runs = state === 'running' || state === 'paused';
  return {
    id: `${name}-0f3a9c21`,
    name,
    uuid: '0f3a9c21-7a44-4b2e-9c1d-5d7f2f1b6a10',
    folder: `/home/mara/.local/share/guesthouse/guests/${name}-0f3a9c21`,
    state,
    stateSince: Date.now() - 65_000,
    kind: 'hybrid',
    vcpus: 2,
    memory: 1024,
    disks: [
      {
        target: 'vda',
        device: 'disk',
        file: `/home/mara/.local/share/guesthouse/guests/${name}-0f3a9c21/disk.qcow2`,
        format: 'qcow2',
        bus: 'virtio',
        virtualSize: 4 * 1024 ** 3,
        allocatedSize: 431 * 1024 ** 2,
        backing: null,
      },
    ],
    forwards: runs ? [{ proto: 'tcp', hostPort: 2201, guestPort: 22 }] : [],
    ssh: runs ? { user: 'debian', address: '127.0.0.1', port: 2201 } : null,
    addresses: [],
    tags: [],
    description: '',
    autostart: false,
    origin: { id: 'debian-12', name: 'Debian 12', linked: false },
    accelerator: runs ? 'tcg' : null,
    pid: runs ? 4211 : null,
    pendingRestart: false,
    problem: null,
    crash: null,
    notes: [],
    ...patch,
  };
}

export function makeOperation(patch: Partial<Operation> = {}): Operation {
  return {
    id: 'op-1',
    kind: 'starter.build',
    title: 'Building Debian 12',
    subject: 'debian-12',
    phase: 'Installing packages',
    fraction: 0.42,
    status: 'running',
    cancellable: true,
    startedAt: Date.now() - 21_000,
    endedAt: null,
    error: null,
    undoable: false,
    ...patch,
  };
}

export const builtStarter: Starter = {
  id: 'debian-12',
  title: 'Debian 12',
  summary: 'Debian 12 “bookworm”, built here from Debian’s packages.',
  status: 'built',
  size: 431 * 1024 ** 2,
  builtAt: Date.now() - 3_600_000,
  user: 'debian',
  login: 'Log in as debian without a password at the console.',
};

type Answers = Readonly<Record<string, (input: never) => unknown>>;

export interface FakeBridge extends Bridge {
  /** Calls so far, in order. */
  readonly calls: { name: string; input: unknown }[];
  /** Announces an event with the next revision, or the one given. */
  emit(event: CoreEvent, revision?: number): void;
  /** What a call answers from now on; throwing makes an error envelope. */
  answer(answers: Answers): void;
}

/**
 * A bridge for tests of stores and components: no process behind it. Calls without an answer are refused, so that no
 * test passes by a call it does not know of.
 */
export function fakeBridge(snapshot: Partial<Snapshot> = {}, answers: Answers = {}): FakeBridge {
  const listeners = new Set<(envelope: { revision: number; event: unknown }) => void>();
  const calls: { name: string; input: unknown }[] = [];
  const whole: Snapshot = {
    revision: 10,
    version: '0.1.0',
    guests: [],
    templates: [],
    starters: [{ ...builtStarter, status: 'absent', size: null, builtAt: null }],
    operations: [],
    terminals: [],
    settings: defaultSettings,
    ...snapshot,
  };
  let known: Answers = { 'core.snapshot': () => whole, ...answers };
  let revision = whole.revision;
  return {
    calls,
    async call(name, input): Promise<Envelope<unknown>> {
      calls.push({ name, input });
      const how = known[name];
      try {
        if (!how) throw new GuesthouseError('unsupported', `No answer for ${name}`);
        return { ok: true, value: await how(input as never) };
      } catch (error) {
        return { ok: false, error: toWire(error) };
      }
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    openPort() {},
    pathForFile: (file) => (file as { name?: string }).name ?? '',
    emit(event, at) {
      revision = at ?? revision + 1;
      for (const listener of [...listeners]) listener({ revision, event });
    },
    answer(more) {
      known = { ...known, ...more };
    },
  };
}
