import * as z from 'zod';
import type { KeyCopy, KeyList, PermissionProblem } from '../model/key.ts';
import { keyTypes } from '../model/key.ts';
import { call } from './call.ts';
import type { keyCalls } from './channels.ts';
import type { Started } from './guests.ts';

/** `ssh:<file>`, `app:<file>`, or for people at a shell the file name alone; core resolves both. */
const keyRef = z.string().min(1).max(300);
const one = z.object({ id: keyRef });
/** A guest's or server's id or name. */
const target = z.string().min(1).max(200);
/** One line: ssh-keygen reads it from stdin up to the line's end. */
const passphrase = z
  .string()
  .max(1024)
  .regex(/^[^\r\n\0]*$/, 'A passphrase is one line.');
const comment = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}]*$/u, 'A comment cannot hold control characters.');

/** File names of new keys. */
export const keyFileName = z
  .string()
  .max(100)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._@+-]*$/,
    'Use letters, digits, and . _ - @ +; begin with a letter or digit.',
  )
  .refine((name) => !name.endsWith('.pub'), 'The name of a private key cannot end with .pub.')
  .refine(
    (name) =>
      !['config', 'authorized_keys', 'known_hosts', 'known_hosts2', 'environment', 'rc'].includes(name),
    'OpenSSH uses this name for something else.',
  );

export const createKeySpec = z.object({
  name: keyFileName,
  location: z.enum(['ssh', 'app']).default('ssh'),
  type: z.enum(keyTypes).default('ed25519'),
  /** For rsa (3072, 4096) and ecdsa (256, 384, 521); null takes the default. */
  bits: z
    .union([z.literal(256), z.literal(384), z.literal(521), z.literal(3072), z.literal(4096)])
    .nullable()
    .default(null),
  /** Empty: none. */
  passphrase: passphrase.default(''),
  comment: comment.default(''),
});
export type CreateKeySpec = z.input<typeof createKeySpec>;

export const keyContract = {
  'keys.list': call(z.undefined()).returns<KeyList>(),
  /** Makes a key pair with ssh-keygen. For sk types a prompt asks to touch the device. */
  'keys.create': call(createKeySpec).returns<Started & { id: string }>(),
  /** Copies a private key (OpenSSH or PEM) into the app's folder or ~/.ssh with the right modes. Either `file` or `text`. */
  'keys.import': call(
    z.object({
      name: keyFileName,
      location: z.enum(['ssh', 'app']).default('app'),
      file: z.string().max(4096).optional(),
      text: z.string().max(65536).optional(),
    }),
  ).returns<{ id: string }>(),
  /** Empty `next` removes the passphrase. Rejects with `auth-failed` when `current` is wrong. */
  'keys.changePassphrase': call(one.extend({ current: passphrase, next: passphrase })).returns<void>(),
  /** The public key's line, for the clipboard or an authorized_keys file. */
  'keys.publicText': call(one).returns<string>(),
  /** `lifetime` in seconds; null: until removed. A passphrase is asked for by a prompt. */
  'keys.agentAdd': call(
    one.extend({
      lifetime: z.number().int().positive().nullable().default(null),
      confirm: z.boolean().default(false),
    }),
  ).returns<Started>(),
  'keys.agentRemove': call(one).returns<void>(),
  /** Moves the pair to the app's trash; `keys.restore` (or undo of the operation) brings it back. */
  'keys.delete': call(one).returns<Started & { trashId: string }>(),
  /** `id` is a TrashedKey's. */
  'keys.restore': call(z.object({ id: z.string() })).returns<{ id: string }>(),
  /** Erases trashed keys for good. */
  'keys.emptyTrash': call(z.undefined()).returns<void>(),
  /** Every wrong mode and owner, of keys and of what is around them. */
  'keys.check': call(z.undefined()).returns<readonly PermissionProblem[]>(),
  /** Repairs the named paths, or all. Returns what is still wrong. Never loosens. */
  'keys.fix': call(z.object({ paths: z.array(z.string()).max(1000).optional() })).returns<
    readonly PermissionProblem[]
  >(),
  /** ssh-copy-id to guests and servers. `key-copy` events carry the state, prompts come as `prompt` events. */
  'keys.copyId': call(one.extend({ targets: z.array(target).min(1).max(200) })).returns<Started>(),
  /** State of a copy that runs or ran in this owner's life. */
  'keys.copyState': call(z.object({ operation: z.string() })).returns<KeyCopy>(),
  /** Takes the key out of a host's authorized_keys again. */
  'keys.removeFromHost': call(one.extend({ target })).returns<Started>(),
} satisfies Record<(typeof keyCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
