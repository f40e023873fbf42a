import * as z from 'zod';
import {
  type HostBridge,
  networkDomainProblem,
  networkNameProblem,
  type SharedNetwork,
  subnetProblem,
} from '../model/network.ts';
import { call } from './call.ts';
import type { networkCalls } from './channels.ts';
import { guestRef } from './guests.ts';

const checked = (problem: (text: string) => string | null) =>
  z.string().superRefine((text, ctx) => {
    const message = problem(text);
    if (message) ctx.addIssue({ code: 'custom', message });
  });

const name = checked(networkNameProblem);
const wishes = {
  subnet: checked(subnetProblem).optional(),
  domain: checked(networkDomainProblem).optional(),
  wayOut: z.boolean().optional(),
  reachHost: z.boolean().optional(),
  keepOn: z.boolean().optional(),
};

const place = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), restrict: z.boolean().default(false) }),
  z.object({ kind: z.literal('shared'), network: name }),
  z.object({ kind: z.literal('bridge'), bridge: z.string().regex(/^[A-Za-z0-9._-]{1,15}$/) }),
]);

export const networkContract = {
  'networks.list': call(z.undefined()).returns<readonly SharedNetwork[]>(),
  /** Bridges there are, and whether QEMU's helper may use them. */
  'networks.bridges': call(z.undefined()).returns<readonly HostBridge[]>(),
  /** What is not given is chosen: a free subnet, `NAME.internal`, a way out, no way to this computer's loopback. */
  'networks.create': call(z.object({ name, ...wishes })).returns<SharedNetwork>(),
  /** Changes what is given. The subnet only while no guest on it runs: fails with `wrong-state`. */
  'networks.edit': call(z.object({ name, ...wishes })).returns<SharedNetwork>(),
  /** Fails with `wrong-state` while a guest has a card on it, running or not. */
  'networks.delete': call(z.object({ name })).returns<void>(),
  /**
   * Plugs a guest's card (its position, from 0) in elsewhere; a running guest follows at its next start. A bridge, which
   * is outside the library, counts as allowed by this.
   */
  'networks.plug': call(
    z.object({ id: guestRef, card: z.number().int().min(0).max(63).default(0), place }),
  ).returns<void>(),
} satisfies Record<(typeof networkCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
