import * as z from 'zod';
import type { Guest } from '../model/guest.ts';
import { nameProblem } from '../model/names.ts';
import { call } from './call.ts';
import type { guestCalls } from './channels.ts';

/** A guest's folder name, or for people at a shell its name; core resolves both. */
export const guestRef = z.string().min(1).max(200);
const one = z.object({ id: guestRef });

export const guestName = z.string().superRefine((name, ctx) => {
  const problem = nameProblem(name);
  if (problem) ctx.addIssue({ code: 'custom', message: problem });
});

/** The answer of a call that goes on as an operation. */
export interface Started {
  readonly operation: string;
}

export interface GuestDetail {
  readonly guest: Guest;
  /** The domain XML as it is on disk. */
  readonly xml: string;
  /** The XML the running QEMU was started with, when it differs. */
  readonly runningXml: string | null;
  /** What Guesthouse cannot run or what reaches outside the library, by element. */
  readonly problems: readonly {
    path: string;
    line: number;
    reason: string;
    kind: 'unsupported' | 'outside';
    /** The file, address or device outside; null for unsupported things. */
    reaches: string | null;
    /** Someone allowed it: see `guests.allowOutside`. */
    agreed: boolean;
  }[];
  /** The QEMU command line it would start with, for people. */
  readonly commandLine: readonly string[] | null;
}

export interface DeletePlan {
  /** Absolute paths inside the library that will be gone. */
  readonly removed: readonly { path: string; bytes: number }[];
  /** Files it uses that stay, with the reason. */
  readonly kept: readonly { path: string; why: string }[];
}

export const createSpec = z.object({
  name: guestName,
  from: z.object({ kind: z.literal('starter'), id: z.literal('debian-12') }),
  vcpus: z.number().int().min(1).max(256).default(2),
  /** MiB */
  memory: z
    .number()
    .int()
    .min(64)
    .max(4 << 20)
    .default(1024),
  /** GiB the root disk is grown to; null keeps the source's size. */
  diskSize: z.number().int().min(1).max(65536).nullable().default(null),
  kind: z.enum(['full', 'hybrid', 'paravirtual']).default('hybrid'),
  /** Public keys (one line each) the login user will accept. */
  authorizedKeys: z.array(z.string().max(16384)).max(50).default([]),
  tags: z.array(z.string().min(1).max(40)).max(20).default([]),
  start: z.boolean().default(false),
});
export type CreateSpec = z.input<typeof createSpec>;

export const guestContract = {
  'guests.detail': call(one).returns<GuestDetail>(),
  /** The guest appears in the list when the operation ends. `id` is known beforehand. */
  'guests.create': call(createSpec).returns<Started & { id: string }>(),
  /** Starts, or resumes a saved guest. Ends when QEMU runs the guest. Fails with `needs-consent`: `guests.allowOutside`. */
  'guests.start': call(one).returns<Started>(),
  /** Allows a guest to reach these things outside the library, as `problems[].reaches` of its detail names them. */
  'guests.allowOutside': call(
    one.extend({ reaches: z.array(z.string().max(4096)).max(1000) }),
  ).returns<void>(),
  /** Asks the system inside; ends when it is off, or fails with `timeout` after the deadline (seconds). */
  'guests.shutdown': call(one.extend({ deadline: z.number().positive().optional() })).returns<Started>(),
  'guests.reboot': call(one).returns<Started>(),
  'guests.reset': call(one).returns<void>(),
  'guests.pause': call(one).returns<void>(),
  'guests.resume': call(one).returns<void>(),
  'guests.forceOff': call(one).returns<void>(),
  'guests.save': call(one).returns<Started>(),
  'guests.discardSaved': call(one).returns<void>(),
  'guests.rename': call(one.extend({ name: guestName })).returns<void>(),
  'guests.setAutostart': call(one.extend({ autostart: z.boolean() })).returns<void>(),
  'guests.setLabels': call(
    one.extend({
      tags: z.array(z.string().min(1).max(40)).max(20).optional(),
      description: z.string().max(4000).optional(),
    }),
  ).returns<void>(),
  'guests.deletePlan': call(one).returns<DeletePlan>(),
  'guests.delete': call(one).returns<void>(),
  /** The last `lines` of QEMU's log. */
  'guests.log': call(one.extend({ lines: z.number().int().min(1).max(5000).default(200) })).returns<string>(),
  /** Ends when the guest's sshd sends its banner. */
  'guests.waitSsh': call(one.extend({ timeout: z.number().positive().default(300) })).returns<Started>(),
} satisfies Record<(typeof guestCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
