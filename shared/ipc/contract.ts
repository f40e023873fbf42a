import * as z from 'zod';
import type { WireError } from '../errors.ts';
import type { HostReport } from '../model/host.ts';
import { settingsSchema } from '../model/settings.ts';
import type { Starter } from '../model/starter.ts';
import type { Terminal } from '../model/terminal.ts';
import { type CallSpec, call } from './call.ts';
import type { CallName, ShellCallName } from './channels.ts';
import { cloudImageContract } from './cloud-images.ts';
import { containerContract } from './containers.ts';
import type { Snapshot } from './events.ts';
import { groupContract } from './groups.ts';
import { guestContract, guestRef, type Started } from './guests.ts';
import { hardwareContract } from './hardware.ts';
import { keyContract } from './keys.ts';
import { networkContract } from './networks.ts';
import { seedContract } from './seeds.ts';
import { serverContract, sshContract } from './servers.ts';
import { snapshotContract } from './snapshots.ts';
import { identityContract, templateContract } from './templates.ts';

const nothing = z.undefined();

/** The one map of calls: name, input schema, output type. Channel names stand in channels.ts. */
export const contract = {
  'core.snapshot': call(nothing).returns<Snapshot>(),
  'host.report': call(
    z.object({
      refresh: z.boolean().default(false),
      /** False: answer at once, also while KVM is still being tried (`accelerator.kvm` is then `trying`). */
      wait: z.boolean().default(true),
    }),
  ).returns<HostReport>(),
  'operations.cancel': call(z.object({ id: z.string() })).returns<void>(),
  'operations.undo': call(z.object({ id: z.string() })).returns<void>(),
  'settings.set': call(settingsSchema.partial()).returns<void>(),

  ...guestContract,
  ...hardwareContract,
  ...snapshotContract,
  ...cloudImageContract,

  ...keyContract,
  ...serverContract,
  ...sshContract,
  ...templateContract,
  ...identityContract,
  ...containerContract,
  ...networkContract,
  ...groupContract,
  ...seedContract,

  'starters.list': call(nothing).returns<readonly Starter[]>(),
  'starters.build': call(z.object({ id: z.literal('debian-12') })).returns<Started>(),

  /** Opens (or finds) the serial console of a guest; works in every state, history included. */
  'terminals.openSerial': call(z.object({ id: guestRef })).returns<Terminal>(),
  /** Runs an ended console's program anew, in the same tab. Nothing happens while it still runs. */
  'terminals.again': call(z.object({ id: z.string() })).returns<void>(),
  'terminals.close': call(z.object({ id: z.string() })).returns<void>(),
  'terminals.list': call(nothing).returns<readonly Terminal[]>(),
} satisfies Record<CallName, CallSpec>;

export type Contract = typeof contract;
/** What a caller passes. */
export type CallInput<N extends CallName> = z.input<Contract[N]['input']>;
/** What a handler receives. */
export type ParsedInput<N extends CallName> = z.output<Contract[N]['input']>;
export type CallOutput<N extends CallName> = Contract[N] extends CallSpec<z.ZodType, infer O> ? O : never;

/** The answer of every call: errors cross as data. */
export type Envelope<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: WireError };

/** What `window.guesthouse` is; see electron/preload.ts. */
export interface Bridge {
  call<N extends CallName | ShellCallName>(name: N, input: unknown): Promise<Envelope<unknown>>;
  /** Registers for events; returns how to unregister. */
  onEvent(listener: (envelope: { revision: number; event: unknown }) => void): () => void;
  /**
   * Asks for a byte channel. The port arrives as a window message `{ guesthouse: 'port', token }` with the port
   * transferred, since ports cannot cross the context bridge.
   */
  openPort(kind: 'terminal' | 'screen', id: string, token: string): void;
  /** Absolute path of a file the person dropped or chose; empty for one that is not on disk. Takes a DOM File. */
  pathForFile(file: object): string;
}
