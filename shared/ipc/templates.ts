import * as z from 'zod';
import { type IdentityReport, identityPartIds, type RepairPlan } from '../model/identity.ts';
import type { ClonePlan, CloneResult, SealPlan, Template } from '../model/template.ts';
import { call } from './call.ts';
import type { identityCalls, templateCalls } from './channels.ts';
import { createSpec, type DeletePlan, guestName, guestRef, type Started } from './guests.ts';
import { seedSpec } from './seeds.ts';

const one = z.object({ id: guestRef });
const parts = z.array(z.enum(identityPartIds));
const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'Enter a Linux user name.');

export const sealSpec = one.extend({
  name: guestName.optional(),
  /** True: copy the disk and keep the guest as it is. */
  keep: z.boolean().default(false),
  parts: parts.optional(),
  description: z.string().max(4000).default(''),
  tags: z.array(z.string().min(1).max(40)).max(20).default([]),
});

export const cloneSpec = z.object({
  source: guestRef,
  /** Names, 1 to 100; patterns are expanded by `expandNames` before. */
  names: z.array(guestName).min(1).max(100),
  linked: z.boolean().default(true),
  vcpus: z.number().int().min(1).max(256).nullable().default(null),
  /** MiB; null keeps the source's. */
  memory: z
    .number()
    .int()
    .min(64)
    .max(4 << 20)
    .nullable()
    .default(null),
  /** GiB the root disk is grown to; null keeps it. */
  diskSize: z.number().int().min(1).max(65536).nullable().default(null),
  loginUser: userName.nullable().default(null),
  /** Public key lines to authorise for `loginUser`. */
  authorizedKeys: z.array(z.string().max(16384)).max(50).default([]),
  parts: parts.optional(),
  /** Host key types to make; RSA takes longest. */
  hostKeyTypes: z
    .array(z.enum(['ed25519', 'ecdsa', 'rsa']))
    .min(1)
    .default(['ed25519', 'ecdsa']),
  tags: z.array(z.string().min(1).max(40)).max(20).default([]),
  /** A cloud-init seed for each, with its own name, instance and host keys filled in. */
  seed: seedSpec.nullable().default(null),
  start: z.boolean().default(false),
});
export type CloneSpec = z.input<typeof cloneSpec>;

const planned = z.object({ planId: z.string() });

export const templateContract = {
  'templates.list': call(z.undefined()).returns<readonly Template[]>(),
  /** Reads the disk and says what sealing would change. The guest must be off. */
  'templates.planSeal': call(sealSpec).returns<SealPlan>(),
  'templates.seal': call(planned).returns<Started & { id: string }>(),
  /** Straight from a starter or an image file: a guest is made and sealed, with the usual parts, in one operation. */
  'templates.make': call(
    createSpec.pick({ name: true, from: true, vcpus: true, memory: true, tags: true }),
  ).returns<Started>(),
  /** The domain XML as it is kept, to read: a template's is never edited. */
  'templates.xml': call(one).returns<{ name: string; xml: string }>(),
  'templates.rename': call(one.extend({ name: guestName })).returns<void>(),
  /** Changes what is given: labels, and what clones get unless something else is chosen for them. */
  'templates.edit': call(
    one.extend({
      tags: z.array(z.string().min(1).max(40)).max(20).optional(),
      description: z.string().max(4000).optional(),
      vcpus: z.number().int().min(1).max(256).optional(),
      /** MiB */
      memory: z
        .number()
        .int()
        .min(64)
        .max(4 << 20)
        .optional(),
      /** Null: not said. */
      loginUser: userName.nullable().optional(),
    }),
  ).returns<void>(),
  'templates.deletePlan': call(one).returns<
    DeletePlan & { clones: readonly { id: string; name: string }[] }
  >(),
  'templates.delete': call(one).returns<void>(),
  /** Gives a linked clone its own whole disk. */
  'clones.makeFull': call(one).returns<Started>(),
  'clones.plan': call(cloneSpec).returns<ClonePlan>(),
  /** Makes what was planned, with the very values shown. Each clone is whole or absent. */
  'clones.run': call(planned).returns<Started>(),
  /** Results of a batch; grows while it runs. */
  'clones.results': call(planned).returns<readonly CloneResult[]>(),
} satisfies Record<(typeof templateCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;

export const identityContract = {
  /** Reads all disks (cached while unchanged) and, when asked, running machines and servers over SSH. */
  'identity.audit': call(
    z.object({ refresh: z.boolean().default(false), overSsh: z.boolean().default(false) }),
  ).returns<IdentityReport>(),
  'identity.planRepair': call(
    z.object({
      ids: z.array(guestRef).min(1).max(300),
      parts: parts.optional(),
    }),
  ).returns<RepairPlan>(),
  'identity.repair': call(planned).returns<Started>(),
  /** Puts back the values from before the last repair. */
  'identity.restore': call(one).returns<Started>(),
  /** Reads a running machine, over SSH or by its agent, and compares it with what was written. */
  'identity.verify': call(one).returns<Started>(),
} satisfies Record<(typeof identityCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
