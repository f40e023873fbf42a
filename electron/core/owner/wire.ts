import * as z from 'zod';
import type { WireError } from '../../../shared/errors.ts';
import type { EventEnvelope } from '../../../shared/ipc/events.ts';

/** What both ends say first: the protocol they speak and the library they mean. */
export interface Hello {
  readonly t: 'hello';
  readonly protocol: number;
  /** Absolute path of the library's data folder: two libraries can share a runtime folder by mistake. */
  readonly data: string;
  readonly pid: number;
}

export const helloSchema = z.object({
  t: z.literal('hello'),
  protocol: z.number().int(),
  data: z.string().max(4096),
  pid: z.number().int(),
});

const id = z.number().int().min(0).max(0xffffffff);

/** From a client. A call's name and input are parsed by core. */
export const fromClient = z.discriminatedUnion('t', [
  z.object({ t: z.literal('call'), id, name: z.string().max(100), input: z.unknown().optional() }),
  z.object({ t: z.literal('cancel'), id }),
  z.object({ t: z.literal('open'), port: id, kind: z.enum(['terminal', 'screen']), id: z.string().max(200) }),
  z.object({ t: z.literal('close'), port: id }),
]);
export type FromClient = z.infer<typeof fromClient>;

/** From the owner, who is trusted: it is this person's own process, in a folder of their own. */
export type FromOwner =
  | { readonly t: 'reply'; readonly id: number; readonly ok: true; readonly value?: unknown }
  | { readonly t: 'reply'; readonly id: number; readonly ok: false; readonly error: WireError }
  | { readonly t: 'event'; readonly envelope: EventEnvelope }
  | { readonly t: 'opened'; readonly port: number; readonly error?: WireError }
  | { readonly t: 'close'; readonly port: number }
  /** The last word: what has no reply was never begun, but for the calls named. */
  | { readonly t: 'bye'; readonly begun: readonly number[] }
  /** Said instead of hello. */
  | { readonly t: 'refused'; readonly error: WireError };
