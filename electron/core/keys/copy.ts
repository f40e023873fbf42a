import { CancelledError, GuesthouseError, isCancelled, toWire } from '../../../shared/errors.ts';
import type { KeyCopy, KeyCopyHost } from '../../../shared/model/key.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { SshTarget } from '../ssh/command.ts';
import { addKey, checkKey, type PublicKeyLine } from '../ssh/copy-id.ts';
import { ensurePinned } from '../ssh/hostkeys.ts';
import { visible } from '../ssh/prompts.ts';
import { askpassFor, type SshSurroundings } from '../ssh/remote.ts';

export interface CopyJob {
  readonly keyId: string;
  readonly keyName: string;
  readonly key: PublicKeyLine;
  /** Private key for the check; the public one when the private is in an agent. */
  readonly keyFile: string;
  readonly targets: readonly string[];
}

export interface CopyDeps {
  readonly around: SshSurroundings;
  resolve(ref: string): Promise<SshTarget>;
  changed(copy: KeyCopy): void;
  /** The host let the key in. */
  accepted(targetId: string): Promise<void>;
}

/** How to get in before the key is there: a server set to use this very key would be offered nothing else. */
function wayIn(target: SshTarget, keyFile: string): SshTarget {
  return target.identitiesOnly && target.identityFiles.every((file) => file === keyFile)
    ? { ...target, identityFiles: [], identitiesOnly: false }
    : target;
}

/** Hosts worked on at once: questions of more would only pile up before one person. */
const atOnce = 4;
const maxLog = 200;

/**
 * ssh-copy-id to many hosts: one host's failure or cancelled question does not stop the others. Each host ends with a
 * log-in by that very key.
 * @throws {CancelledError} when all that is missing is what the person did not answer
 * @throws {GuesthouseError} `program-failed` at the end when a host did not get the key; what happened is in the state
 */
export async function copyToHosts(op: OperationContext, job: CopyJob, deps: CopyDeps): Promise<KeyCopy> {
  let copy: KeyCopy = {
    operation: op.id,
    keyId: job.keyId,
    keyName: job.keyName,
    hosts: [...new Set(job.targets)].map(
      (target): KeyCopyHost => ({ target, name: target, status: 'waiting', error: null, log: [] }),
    ),
  };
  const update = (index: number, patch: Partial<KeyCopyHost>, line?: string) => {
    const hosts = copy.hosts.map((host, i) =>
      i === index
        ? { ...host, ...patch, log: line === undefined ? host.log : [...host.log, line].slice(-maxLog) }
        : host,
    );
    copy = { ...copy, hosts };
    const done = hosts.filter((host) => host.status !== 'waiting' && !/ing$/.test(host.status)).length;
    op.progress(done / hosts.length);
    deps.changed(copy);
  };
  op.phase(`Copying ${job.keyName}`);
  deps.changed(copy);

  const one = async (index: number) => {
    const ref = copy.hosts[index]!.target;
    let added: 'added' | 'already' | null = null;
    try {
      op.check();
      const target = await deps.resolve(ref);
      const where = `${target.user ? `${target.user}@` : ''}${target.address} port ${target.port}`;
      update(index, { name: target.name, status: 'connecting' }, `Connecting to ${where}`);
      const session = await askpassFor(deps.around, target, {
        title: `Copying ${job.keyName} to ${target.name}`,
        operation: op.id,
        signal: op.signal,
      });
      try {
        if ((await ensurePinned(target, session)) === 'pinned')
          update(index, {}, 'Host key agreed to and pinned');
        const onStderr = (chunk: string) => {
          for (const line of chunk.split('\n')) if (line.trim()) update(index, {}, visible(line.trim(), 300));
        };
        added = await addKey(deps.around, wayIn(target, job.keyFile), job.key, {
          askpass: session,
          onStderr,
        });
        update(
          index,
          { status: 'checking' },
          added === 'added'
            ? 'Added to ~/.ssh/authorized_keys'
            : 'It stood in ~/.ssh/authorized_keys already',
        );
        const way = await checkKey(deps.around, target, job.keyFile, job.key, { askpass: session });
        await deps.accepted(target.id);
        update(
          index,
          { status: added === 'added' ? 'copied' : 'already' },
          way === 'in'
            ? 'Logged in with the key'
            : 'The key was accepted; the host asks for a second factor too',
        );
      } finally {
        await session.close();
      }
    } catch (error) {
      if (isCancelled(error)) update(index, { status: 'cancelled' }, 'Cancelled');
      else {
        const wire = toWire(error);
        update(index, { status: added ? 'unconfirmed' : 'failed', error: wire }, wire.message);
      }
    }
  };
  const queue = copy.hosts.map((_, index) => index);
  await Promise.all(
    Array.from({ length: Math.min(atOnce, queue.length) }, async () => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) await one(index);
    }),
  );
  op.check();
  const bad = copy.hosts.filter(({ status }) => status !== 'copied' && status !== 'already');
  if (bad.length && bad.every(({ status }) => status === 'cancelled')) throw new CancelledError();
  if (bad.length)
    throw new GuesthouseError(
      bad.length === 1 && bad[0]!.error ? bad[0]!.error.code : 'program-failed',
      copy.hosts.length === 1
        ? `${job.keyName} was not confirmed on ${bad[0]!.name}.`
        : `${job.keyName} was not confirmed on ${bad.length} of ${copy.hosts.length} hosts.`,
      {
        why: bad
          .map(({ name, error }) => `${name}: ${error?.why ?? error?.message ?? 'cancelled'}`)
          .join(' '),
        todo: 'See the log of each host.',
      },
    );
  return copy;
}
