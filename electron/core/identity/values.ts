import { randomBytes, randomUUID } from 'node:crypto';
import { type HostKey, type HostKeyKind, makeHostKey } from './hostkeys.ts';

/** The values a machine gets, secrets included. Always made on this machine, never by the guest. */
export interface IdentityValues {
  /** 32 lower-case hex digits. */
  readonly machineId: string;
  readonly hostname: string | null;
  readonly hostKeys: readonly HostKey[];
  /** Bytes for each random seed file asked for. */
  seed(length: number): Buffer;
  /** cloud-init's name for this instance. */
  readonly instanceId: string;
}

/** A new machine-id: a random 128-bit v4 UUID in plain hex, as systemd-id128(1) makes them. */
export function newMachineId(): string {
  return randomUUID().replaceAll('-', '');
}

/**
 * Makes all values of one machine.
 * @param kinds host key types to make; RSA dominates the time
 */
export async function makeValues(
  hostname: string | null,
  kinds: readonly HostKeyKind[],
): Promise<IdentityValues> {
  const comment = `root@${hostname ?? 'localhost'}`;
  return {
    machineId: newMachineId(),
    hostname,
    hostKeys: await Promise.all(kinds.map((kind) => makeHostKey(kind, comment))),
    seed: (length) => randomBytes(length),
    instanceId: `guesthouse-${randomUUID()}`,
  };
}
