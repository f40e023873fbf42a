import { GuesthouseError } from '../../../shared/errors.ts';
import { addressProblem, userProblem } from '../../../shared/model/server.ts';
import { configValue, quoteAll } from './quote.ts';

/** Everything that decides how ssh reaches a machine. Plain data: {@link sshArgv} and its sisters turn it into arguments. */
export interface SshTarget {
  readonly kind: 'guest' | 'server';
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Null: what ssh's configuration or the login name says. */
  readonly user: string | null;
  /** Name its host key is filed under: a guest's UUID. Null: address and port. */
  readonly hostKeyAlias: string | null;
  /** known_hosts files, absolute; new keys are pinned in the first. */
  readonly knownHosts: readonly string[];
  /** Private (or public, for keys in the agent) key files offered, absolute. Empty: ssh's own choice. */
  readonly identityFiles: readonly string[];
  /** Offer no other keys of the agent. */
  readonly identitiesOnly: boolean;
  /** For `-F`: a file, or `none`. Null: ssh reads the person's and the system's. */
  readonly configFile: string | null;
  /** Reached through this machine. */
  readonly jump: SshTarget | null;
}

export interface SshMode {
  /**
   * `batch`: never asks. `ask`: secrets are asked for through SSH_ASKPASS. `terminal`: a person sits at it, so their
   * forwards and multiplexing hold.
   */
  readonly how: 'batch' | 'ask' | 'terminal';
  /** Only for pinning a key after the person agreed to its fingerprint (hostkeys.ts). */
  readonly hostKeys?: 'yes' | 'ask';
  /** Seconds; default 15. */
  readonly connectTimeout?: number;
  /** Further `Keyword=value` options. They come first, and ssh takes the first value it sees. */
  readonly options?: readonly string[];
  /** Machines between this one and here: the first jump host is 1. Default 0, the target itself. */
  readonly hop?: number;
  /** Unix socket for sharing one connection, or absent. */
  readonly controlPath?: string;
}

/** Tells askpass which machine on the way asks. */
export const hopVariable = 'GUESTHOUSE_ASKPASS_HOP';

/** @throws {GuesthouseError} `invalid-input` for an address, user or port that ssh could take for something else */
export function checkTarget(target: SshTarget): void {
  const problem =
    addressProblem(target.address) ??
    (target.user === null ? null : userProblem(target.user)) ??
    (Number.isInteger(target.port) && target.port >= 1 && target.port <= 65535
      ? null
      : 'A port is 1 to 65535.');
  if (problem)
    throw new GuesthouseError('invalid-input', `${target.name} cannot be reached by SSH.`, {
      why: problem,
      subject: target.id,
    });
  for (const file of [...target.knownHosts, ...target.identityFiles, target.configFile ?? ''])
    if (/[\0\r\n]|\$\{/.test(file))
      throw new GuesthouseError('invalid-input', 'ssh cannot be given this file name.', {
        why: 'It holds a line break or "${".',
        subject: file,
      });
}

function options(target: SshTarget, mode: SshMode): string[] {
  const o: string[] = [...(mode.options ?? [])];
  const files = target.knownHosts.map((file) => configValue(file, true)).join(' ');
  if (target.kind === 'guest') {
    // The guest's own file and nothing else may vouch for it, whatever a person's configuration says for all hosts.
    o.push('GlobalKnownHostsFile=/dev/null', 'KnownHostsCommand=none', 'VerifyHostKeyDNS=no');
    o.push(`HostName=${target.address}`, 'CanonicalizeHostname=no', 'ForwardAgent=no');
    if (!target.jump) o.push('ProxyCommand=none', 'ProxyJump=none');
  }
  if (target.hostKeyAlias !== null) o.push(`HostKeyAlias=${target.hostKeyAlias}`);
  o.push(`UserKnownHostsFile=${files}`, `StrictHostKeyChecking=${mode.hostKeys ?? 'yes'}`);
  // Otherwise a person's `NoHostAuthenticationForLocalhost yes` would let any process on a forwarded port pose as a guest.
  o.push('NoHostAuthenticationForLocalhost=no', 'UpdateHostKeys=no', 'CheckHostIP=no', 'HashKnownHosts=no');
  for (const file of target.identityFiles) o.push(`IdentityFile=${configValue(file, true)}`);
  if (target.identitiesOnly) o.push('IdentitiesOnly=yes');
  o.push(`Port=${target.port}`);
  if (target.user !== null) o.push(`User=${configValue(target.user)}`);
  o.push(`ConnectTimeout=${mode.connectTimeout ?? 15}`, 'ServerAliveInterval=15', 'ServerAliveCountMax=3');
  if (mode.how === 'batch') o.push('BatchMode=yes');
  if (mode.how === 'ask') o.push('BatchMode=no', 'NumberOfPasswordPrompts=3');
  if (mode.how !== 'terminal') {
    o.push('ClearAllForwardings=yes', 'PermitLocalCommand=no', 'RemoteCommand=none', 'ForwardX11=no');
    o.push('RequestTTY=no', 'LogLevel=INFO'); // below INFO ssh does not say why a connection was closed
    // A shared connection would be logged in already: a test of a key over it would prove nothing.
    if (mode.controlPath === undefined) o.push('ControlMaster=no', 'ControlPath=none');
  }
  if (mode.controlPath !== undefined)
    o.push('ControlMaster=auto', `ControlPath=${configValue(mode.controlPath, true)}`, 'ControlPersist=30');
  if (target.jump) o.push(`ProxyCommand=${proxyCommand(target.jump, mode)}`);
  return o;
}

/** The jump host's key is checked by the same rules, so the connection to it is made with our own arguments. */
export function proxyCommand(jump: SshTarget, mode: SshMode): string {
  const hop = (mode.hop ?? 0) + 1;
  const inner: SshMode = {
    hop,
    how: mode.how === 'terminal' ? 'terminal' : mode.how,
    hostKeys: mode.hostKeys,
    connectTimeout: mode.connectTimeout,
  };
  const argv = base('ssh', jump, inner);
  const line = quoteAll(argv.slice(0, -2)).replaceAll('%', '%%'); // ssh expands % in ProxyCommand
  // Its questions are to be told from the target's: askpass says which of the machines on the way asks.
  const asks = mode.how === 'ask' ? `env ${hopVariable}=${hop} ` : '';
  return `${asks}${line} -W '[%h]:%p' -- ${quoteAll(argv.slice(-1))}`;
}

function base(
  program: 'ssh' | 'sftp' | 'scp',
  target: SshTarget,
  mode: SshMode,
  flags: readonly string[] = [],
) {
  checkTarget(target);
  const config = target.configFile === null ? [] : ['-F', target.configFile];
  const address = program === 'ssh' || !target.address.includes(':') ? target.address : `[${target.address}]`;
  return [
    program,
    ...config,
    ...flags,
    ...options(target, mode).flatMap((o) => ['-o', o]),
    '--',
    address,
  ] as [string, ...string[]];
}

/**
 * The command line of ssh(1).
 * @param command words for the far shell, each quoted here; empty: a login shell
 */
export function sshArgv(
  target: SshTarget,
  mode: SshMode,
  command: readonly string[] = [],
  flags: readonly string[] = [],
): [string, ...string[]] {
  const argv = base('ssh', target, mode, flags);
  if (command.length) argv.push(quoteAll(command));
  return argv;
}

/** The command line of sftp(1) reading its commands from stdin (`-b -`), which makes it stop at the first error. */
export function sftpArgv(target: SshTarget, mode: SshMode): [string, ...string[]] {
  // -b turns on BatchMode unless it was set before, and ours comes first (sftp.c adds "-obatchmode yes").
  const [program, ...rest] = base('sftp', target, { ...mode, options: [] }, []);
  return [program, ...rest.slice(0, -2), '-b', '-', ...rest.slice(-2)];
}
