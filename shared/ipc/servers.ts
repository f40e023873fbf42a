import * as z from 'zod';
import {
  type ImportCandidate,
  type Server,
  type ServerInfo,
  serverChange,
  serverSpec,
} from '../model/server.ts';
import type { Terminal } from '../model/terminal.ts';
import { call } from './call.ts';
import type { serverCalls, sshCalls } from './channels.ts';
import type { Started } from './guests.ts';

/** A server's id or name. */
const serverRef = z.string().min(1).max(200);
const one = z.object({ id: serverRef });
/** A guest's or server's id or name. */
export const sshTargetRef = z.string().min(1).max(200);

export interface SshCommand {
  /** Program and arguments, ready to be run in a terminal of this computer. */
  readonly argv: readonly string[];
  /** The same as one line for a shell, for people. */
  readonly line: string;
  readonly kind: 'guest' | 'server';
  readonly id: string;
  readonly name: string;
}

export interface HostKeyInfo {
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
}

export interface SshConfigPreview {
  /** The exported file's text. */
  readonly text: string;
  /** Where it is or would be written. */
  readonly path: string;
  /** The line for ~/.ssh/config. */
  readonly includeLine: string;
  /** That line stands in ~/.ssh/config, first. */
  readonly included: boolean;
  /** The file on disk is as `text`. */
  readonly upToDate: boolean;
  /** Guests and servers left out, with the reason. */
  readonly refused: readonly { name: string; why: string }[];
  /** Aliases that hide a host of ~/.ssh/config. */
  readonly warnings: readonly { alias: string; why: string }[];
}

/** Progress goes with the operation. */
const upload = z.object({
  target: sshTargetRef,
  /** Absolute paths on this computer; folders go with their content. */
  files: z.array(z.string().min(1).max(4096)).min(1).max(200),
  /** Folder on the host; empty: the login folder. */
  folder: z.string().max(4096).default(''),
});

type Spec = ReturnType<ReturnType<typeof call>['returns']>;

export const serverContract = {
  'servers.list': call(z.undefined()).returns<readonly Server[]>(),
  'servers.add': call(serverSpec).returns<{ id: string }>(),
  /** Replaces what is given; the rest stays. */
  'servers.edit': call(one.extend({ change: serverChange })).returns<void>(),
  /** Forgets the server (and its pinned host key). Nothing changes on the server. */
  'servers.remove': call(one).returns<void>(),
  'servers.importCandidates': call(z.undefined()).returns<readonly ImportCandidate[]>(),
  /** Adds hosts of ~/.ssh/config by alias; returns the new ids. */
  'servers.import': call(z.object({ aliases: z.array(z.string()).min(1).max(500) })).returns<
    readonly string[]
  >(),
  /** Connects and logs in; an unknown host key and secrets are asked for by prompts. Fails with `auth-failed`, `unreachable`, `host-key-changed`… */
  'servers.test': call(one).returns<Started>(),
  /** OS, uptime, machine-id over SSH; arrives as a `server` event when the operation ends. */
  'servers.refresh': call(one).returns<Started>(),
} satisfies Record<(typeof serverCalls)[number], Spec>;

export const sshContract = {
  /** Answers a prompt. For `host-key` and `confirm`: `yes` or `no`. */
  'prompts.answer': call(
    z.object({
      id: z.string(),
      answer: z
        .string()
        .max(4096)
        .regex(/^[^\r\n\0]*$/, 'An answer is one line.'),
    }),
  ).returns<void>(),
  /** Cancels the connection that asks. */
  'prompts.cancel': call(z.object({ id: z.string() })).returns<void>(),

  /** Opens an SSH console; its status tells what it waits for. With `command`: runs that instead of a shell. */
  'terminals.openSsh': call(
    z.object({ target: sshTargetRef, command: z.array(z.string().max(65536)).max(1000).optional() }),
  ).returns<Terminal>(),

  /** The command line for a terminal. `command` is run by the host's shell, each part quoted by us. */
  'ssh.command': call(
    z.object({ target: sshTargetRef, command: z.array(z.string().max(65536)).max(1000).optional() }),
  ).returns<SshCommand>(),
  /** Makes sure the host's key is known: asks once by a prompt with its fingerprint where it is not. */
  'ssh.prepare': call(z.object({ target: sshTargetRef })).returns<Started>(),
  /** Host keys pinned for a guest or server. */
  'ssh.hostKeys': call(z.object({ target: sshTargetRef })).returns<readonly HostKeyInfo[]>(),
  /** After the person checked that a change is right: forgets the pinned key; the next connection asks anew. */
  'ssh.forgetHostKey': call(z.object({ target: sshTargetRef })).returns<void>(),
  /** Copies files to a host over sftp, with progress and cancel. */
  'ssh.upload': call(upload).returns<Started>(),

  'sshConfig.preview': call(z.undefined()).returns<SshConfigPreview>(),
  /** Writes the exported file. */
  'sshConfig.export': call(z.undefined()).returns<SshConfigPreview>(),
  /** Puts the Include line first in ~/.ssh/config (made when missing). */
  'sshConfig.include': call(z.undefined()).returns<SshConfigPreview>(),
  /** Takes the line out again; the rest of ~/.ssh/config stays byte for byte. */
  'sshConfig.undoInclude': call(z.undefined()).returns<SshConfigPreview>(),
  /** An Ansible inventory (YAML) of every guest and server. */
  'ansible.export': call(z.undefined()).returns<string>(),
} satisfies Record<(typeof sshCalls)[number], Spec>;

export type { ServerInfo };
