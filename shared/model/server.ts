import * as z from 'zod';

/**
 * Why `address` cannot be a host name or IP address given to ssh, or null. ssh reads a leading dash as an option, and
 * takes user and port from the text in some places; so only what an address can hold is let through.
 */
export function addressProblem(address: string): string | null {
  if (address === '') return 'Enter an address.';
  if (address.length > 253) return 'An address can have at most 253 characters.';
  if (address.startsWith('-')) return 'An address cannot begin with a dash.';
  if (!/^[A-Za-z0-9._:%-]+$/.test(address))
    return 'An address is a host name or an IP address: letters, digits, dots, dashes and colons.';
  if (address.includes('%') && !/^[0-9a-fA-F:]+%[A-Za-z0-9._-]+$/.test(address))
    return 'A % may only name the interface of an IPv6 address.';
  return null;
}

/** Why `user` cannot be a login name given to ssh, or null. */
export function userProblem(user: string): string | null {
  if (user === '') return 'Enter a user name.';
  if (user.length > 128) return 'A user name can have at most 128 characters.';
  if (user.startsWith('-')) return 'A user name cannot begin with a dash.';
  if (!/^[\p{L}\p{N}._@+\\-]+$/u.test(user)) return 'A user name cannot hold spaces or special characters.';
  return null;
}

/**
 * Why `alias` cannot stand after `Host` in an OpenSSH configuration, or null. Patterns (`*`, `?`, `!`) would match
 * other hosts; blanks would make two aliases; quotes, `#` and `=` are syntax.
 */
export function aliasProblem(alias: string): string | null {
  if (alias === '') return 'Enter a name.';
  if (/[*?!]/.test(alias)) return 'A name with * ? or ! would match other hosts.';
  if (/[\s\p{Cc}]/u.test(alias)) return 'An ssh alias cannot hold spaces.';
  if (/["'#=,\\%$`]/.test(alias)) return 'An ssh alias cannot hold quotes or , # = % $ \\.';
  if (alias.startsWith('-')) return 'An ssh alias cannot begin with a dash.';
  return null;
}

const from = (problem: (text: string) => string | null) =>
  z.string().superRefine((text, ctx) => {
    const message = problem(text);
    if (message) ctx.addIssue({ code: 'custom', message });
  });

export const addressSchema = from(addressProblem);
export const userSchema = from(userProblem);

const fields = {
  /** Label; also the alias in the exported configuration. */
  name: from((name) => aliasProblem(name) ?? (name.length > 80 ? 'At most 80 characters.' : null)),
  address: addressSchema,
  port: z.number().int().min(1).max(65535),
  /** Null: what the person's ssh configuration or login name says. */
  user: userSchema.nullable(),
  /** Key offered; null: the agent and the usual ones. */
  keyId: z.string().max(300).nullable(),
  /** Another server's id, or `user@host:port`; null: none (a ProxyJump in ~/.ssh/config still holds). */
  jump: z.string().min(1).max(300).nullable(),
  tags: z.array(z.string().min(1).max(40)).max(20),
};

/** What a person enters. */
export const serverSpec = z.object({
  ...fields,
  port: fields.port.default(22),
  user: fields.user.default(null),
  keyId: fields.keyId.default(null),
  jump: fields.jump.default(null),
  tags: fields.tags.default([]),
});
/** What an edit changes. Without defaults: what is not given stays. */
export const serverChange = z.object(fields).partial();
export type ServerSpec = z.input<typeof serverSpec>;

export const storedServer = serverSpec.extend({ id: z.string().min(1).max(64) });

/** A machine reached by SSH that Guesthouse does not run. */
export interface Server {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string | null;
  readonly keyId: string | null;
  readonly jump: string | null;
  readonly tags: readonly string[];
  /** What the last `servers.info` found; null when never asked. */
  readonly info: ServerInfo | null;
  /** What the last test or info said; null when never tried. */
  readonly reachable: boolean | null;
}

export interface ServerInfo {
  /** PRETTY_NAME of os-release, or uname. */
  readonly os: string;
  readonly kernel: string;
  readonly hostname: string;
  /** 32 hexadecimal digits, or null when the host has none. */
  readonly machineId: string | null;
  /** Seconds since its boot; null when unknown. */
  readonly uptime: number | null;
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A host found in `~/.ssh/config`, as `ssh -G` resolves it. */
export interface ImportCandidate {
  readonly alias: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly jump: string | null;
  readonly identityFiles: readonly string[];
  /** A server with this name is already there. */
  readonly known: boolean;
  /** Why it cannot be imported, or null. */
  readonly problem: string | null;
}
