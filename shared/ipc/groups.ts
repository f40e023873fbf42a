import * as z from 'zod';
import {
  type Group,
  type GroupHost,
  type GroupUse,
  groupLimits,
  type MovableProcess,
} from '../model/group.ts';
import { call } from './call.ts';
import type { groupCalls } from './channels.ts';
import { guestName, guestRef, type Started } from './guests.ts';

/** A group's id or name. */
const groupRef = z.string().min(1).max(200);
/** Guest or server; null: this machine. */
const hostRef = z.string().min(1).max(200).nullable().default(null);
const one = z.object({ id: groupRef });
/** A member's id, or its name. */
const member = one.extend({ member: z.string().min(1).max(300) });

const word = z
  .string()
  .max(65_536)
  .refine((text) => !text.includes('\0'), 'An argument cannot hold a NUL character.');
/** Program and arguments. */
export const applicationCommand = z
  .array(word)
  .min(1, 'Enter a command.')
  .max(1000)
  .refine(
    ([program]) => program !== '' && !program?.startsWith('-'),
    'A program’s name cannot begin with a dash.',
  );

type Spec = ReturnType<ReturnType<typeof call>['returns']>;

export const groupContract = {
  'groups.list': call(z.undefined()).returns<readonly Group[]>(),
  /** What a machine can hold groups to. `wait` false answers from memory for a far machine: null when never looked at. */
  'groups.host': call(
    z.object({ host: hostRef, refresh: z.boolean().default(false) }),
  ).returns<GroupHost | null>(),
  /** Looks at a far machine, asking what must be asked; its groups are put there and watched from then on. */
  'groups.connect': call(z.object({ host: z.string().min(1).max(200) })).returns<Started>(),
  'groups.create': call(
    z.object({
      name: guestName,
      parent: groupRef.nullable().default(null),
      host: hostRef,
      limits: groupLimits.default(() => groupLimits.parse({})),
    }),
  ).returns<Started & { id: string }>(),
  'groups.rename': call(one.extend({ name: guestName })).returns<void>(),
  /**
   * Replaces the limits, at once and for what runs. Fails with `needs-consent` where what runs has more memory than the
   * new limit: some of it would be ended. `force` does it nevertheless.
   */
  'groups.setLimits': call(
    one.extend({ limits: groupLimits, force: z.boolean().default(false) }),
  ).returns<Started>(),
  /** Removes a group. What runs in it goes on, without its limits. Groups in it must go first. */
  'groups.remove': call(one).returns<Started>(),
  /** Puts a guest into a group, out of the one it was in; now if it runs, and at each start. */
  'groups.addGuest': call(one.extend({ guest: guestRef })).returns<Started>(),
  /** Starts a command in a group, with a log of its own. */
  'groups.startApplication': call(
    one.extend({
      command: applicationCommand,
      /** For people; default: the program's name. */
      name: guestName.optional(),
      /** Absolute; default: the home folder. */
      folder: z.string().max(4096).startsWith('/').optional(),
    }),
  ).returns<Started & { member: string }>(),
  /** Starts an ended application anew. */
  'groups.startAgain': call(member).returns<Started>(),
  /** Moves a running process into a group. It must be the person's own (or anyone's for root). */
  'groups.moveProcess': call(
    one.extend({ pid: z.number().int().min(2), startTime: z.number().int().min(0) }),
  ).returns<Started & { member: string }>(),
  'groups.processes': call(z.object({ host: hostRef })).returns<readonly MovableProcess[]>(),
  /** Asks an application or process to end (SIGTERM to all of it); `force`: SIGKILL. */
  'groups.endMember': call(member.extend({ force: z.boolean().default(false) })).returns<Started>(),
  /** Takes a member out. What runs goes on, without the group's limits. */
  'groups.removeMember': call(member).returns<Started>(),
  /** The end of what an application wrote. */
  'groups.log': call(
    member.extend({ lines: z.number().int().min(1).max(10_000).default(200) }),
  ).returns<string>(),
  /** The last sample of each group, for those who do not listen to events. */
  'groups.use': call(z.undefined()).returns<readonly GroupUse[]>(),
} satisfies Record<(typeof groupCalls)[number], Spec>;
