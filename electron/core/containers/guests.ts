import { stat } from 'node:fs/promises';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Guests } from '../guests/index.ts';
import { isLive } from '../guests/transitions.ts';
import { waitForSsh } from '../guests/wait-ssh.ts';
import type { OperationRunner } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import type { CompareGuests } from './compare.ts';

/** Seconds a system may take to answer. */
const bootLimit = 600;

/** What a comparison does with guests, through their own lifecycle. */
export function guestsToCompare(guests: Guests, runner: OperationRunner, clock: Clock): CompareGuests {
  const find = (ref: string): Guest => {
    const guest = guests.snapshot().find(({ id, name }) => id === ref || name === ref);
    if (!guest) throw new GuesthouseError('not-found', `There is no guest named ${ref}.`, { subject: ref });
    return guest;
  };
  return {
    find,
    start: async (id, signal) => {
      const { operation } = await guests.lifecycle.start(id);
      const stop = () => void runner.cancel(operation).catch(() => {});
      signal.addEventListener('abort', stop, { once: true });
      try {
        await runner.ended(operation);
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    waitSsh: (id, op) =>
      waitForSsh(
        guests.lifecycle.sshTarget(id),
        bootLimit,
        () => isLive(guests.registry.find(id)?.state ?? 'off'),
        clock,
        op,
      ),
    shutdown: async (id) => runner.ended((await guests.lifecycle.shutdown(id)).operation),
    diskBytes: async ({ disks }) => {
      let total = 0;
      for (const { device, allocatedSize, backing } of disks) {
        if (device !== 'disk') continue;
        total += allocatedSize ?? 0;
        if (backing) total += (await stat(backing).catch(() => ({ blocks: 0 }))).blocks * 512;
      }
      return total || null;
    },
  };
}
