import * as z from 'zod';
import type { SeedProblem } from '../model/seed.ts';
import { call } from './call.ts';
import type { seedCalls } from './channels.ts';

/** cloud-init's user data: `#cloud-config` and YAML. */
export const userData = z.string().max(256 << 10, 'The seed is too long.');

/** A NoCloud seed to be made with a machine; name, instance and host keys are filled in for each. */
export const seedSpec = z.object({ userData });

export const seedForm = z.object({
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'Enter a Linux user name.')
    .nullable()
    .default(null),
  authorizedKeys: z.array(z.string().min(1).max(16384)).max(50).default([]),
  passwordHash: z
    .string()
    .max(300)
    .regex(/^\$(5|6|y|2[aby])\$[./A-Za-z0-9$=,]+$/, 'Enter a hash as crypt(5) writes it, such as $6$…')
    .nullable()
    .default(null),
  packages: z
    .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+:_@/~=-]{0,200}$/, 'Enter names of packages.'))
    .max(500)
    .default([]),
  commands: z.array(z.string().min(1).max(10_000)).max(500).default([]),
});

export const seedContract = {
  /** Writes what the form says as YAML, to be edited further. */
  'seeds.compose': call(seedForm).returns<{ userData: string }>(),
  /** What is wrong with the YAML, by line; errors first. */
  'seeds.check': call(seedSpec).returns<readonly SeedProblem[]>(),
} satisfies Record<(typeof seedCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
