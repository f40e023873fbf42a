import * as z from 'zod';

/** What the core and a network's own process tell each other: one JSON object a line, over a socket of this person. */

const port = z.number().int().min(1).max(65535);

const member = z.object({
  guest: z.string(),
  mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  address: z.string(),
  /** The label others find it by. */
  name: z.string(),
  /** Where the guest's QEMU listens for this network; null while it does not run. */
  socket: z.string().nullable(),
  /** Ports of this computer's loopback that lead to it. */
  forwards: z.array(
    z.object({ proto: z.enum(['tcp', 'udp']), hostAddress: z.string(), hostPort: port, guestPort: port }),
  ),
});

export const networkConfig = z.object({
  name: z.string(),
  /** `10.77.0.` */
  prefix: z.string().regex(/^\d{1,3}\.\d{1,3}\.\d{1,3}\.$/),
  domain: z.string(),
  /** The world beyond this network can be reached. */
  wayOut: z.boolean(),
  /** Services of this computer's loopback can be reached at the gateway's address. */
  reachHost: z.boolean(),
  /** Goes on without guests. */
  keepOn: z.boolean(),
  members: z.array(member),
  qemu: z.string(),
});
export type NetworkConfig = z.infer<typeof networkConfig>;
export type MemberConfig = z.infer<typeof member>;

/** Addresses that are not for guests, by their last number. */
export const gatewayHost = 1;
export const dnsHost = 2;

export const memberStatus = z.object({
  mac: z.string(),
  /** Its QEMU is plugged in. */
  connected: z.boolean(),
  /** Milliseconds since the epoch of the last time it was given its address. */
  leasedAt: z.number().nullable(),
  /** What it calls itself; shown, never believed. */
  says: z.string().nullable(),
  /** Bytes from the guest and to it. */
  sent: z.number(),
  received: z.number(),
  /** Frames refused: of another's address, or to where this network does not lead. */
  refused: z.number(),
});
export type MemberStatus = z.infer<typeof memberStatus>;

export const networkStatus = z.object({
  pid: z.number(),
  startedAt: z.number(),
  /** The way out works, or why not. */
  problem: z.string().nullable(),
  /** Forwards that could not be opened, as `tcp:2201`, with QEMU's words. */
  forwardProblems: z.record(z.string(), z.string()),
  members: z.array(memberStatus),
});
export type NetworkStatus = z.infer<typeof networkStatus>;

/** From the core. */
export const networkRequest = z.discriminatedUnion('do', [
  z.object({ id: z.number(), do: z.literal('configure'), config: networkConfig }),
  z.object({ id: z.number(), do: z.literal('status') }),
  z.object({ id: z.number(), do: z.literal('end') }),
]);
export type NetworkRequest = z.infer<typeof networkRequest>;

/** To the core: the answer to a request, or news without an id. */
export const networkMessage = z.object({
  id: z.number().nullable(),
  status: networkStatus.nullable(),
  error: z.string().nullable(),
});
export type NetworkMessage = z.infer<typeof networkMessage>;
