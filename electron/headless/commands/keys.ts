import * as path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import { type Key, type KeyCopyHost, keyTypes, type PermissionProblem } from '../../../shared/model/key.ts';
import { answering, readSecret } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import { byName, facts, plain, table } from '../output.ts';
import type { Answer, Run, Runner } from '../run.ts';

async function keyOf(run: Run, ref: string): Promise<Key> {
  const { keys } = await run.core.call('keys.list', undefined);
  const [first, second] = keys.filter(({ name }) => name === ref);
  const key = keys.find(({ id }) => id === ref) ?? first;
  if (second && key === first)
    throw new GuesthouseError('invalid-input', `Several keys are named ${ref}.`, {
      todo: `Use an id: ${keys.flatMap(({ id, name }) => (name === ref ? [id] : [])).join(', ')}.`,
      subject: ref,
    });
  if (!key) throw new GuesthouseError('not-found', `There is no key named ${ref}.`, { subject: ref });
  return key;
}

function problemsAnswer(problems: readonly PermissionProblem[], fine: string): Answer {
  return {
    data: problems,
    text: problems.length
      ? problems.map((p) => plain(`${p.path}\n  ${p.problem}\n  ${p.consequence}\n  ${p.command}`)).join('\n')
      : fine,
    code: problems.some(({ severity }) => severity === 'refused') ? exitCodes.failed : exitCodes.ok,
  };
}

const bits = (text: string): 256 | 384 | 521 | 3072 | 4096 => {
  const found = ([256, 384, 521, 3072, 4096] as const).find((n) => String(n) === text);
  if (!found) throw new InvalidArgumentError('It is 3072 or 4096 for rsa; 256, 384 or 521 for ecdsa.');
  return found;
};

export function registerKeys(program: Command, runner: Runner): void {
  const keys = program.command('keys').description('SSH keys in ~/.ssh and of Guesthouse');

  const list = runner.define(keys, 'list', 'List the keys').alias('ls');
  runner.action<[]>(list, async ({ core }) => {
    const found = await core.call('keys.list', undefined);
    const all = { ...found, keys: byName(found.keys) };
    const rows = all.keys.map((key) => [
      key.name,
      key.location === 'ssh' ? '~/.ssh' : 'guesthouse',
      [key.type, key.bits].filter((x) => x !== null).join(' ') || '?',
      key.encrypted === null ? '-' : key.encrypted ? 'yes' : 'no',
      key.inAgent ? 'yes' : 'no',
      key.problems.length ? `${key.problems.length} wrong` : 'right',
      key.fingerprint ?? '?',
      key.comment,
    ]);
    const head = ['NAME', 'WHERE', 'TYPE', 'PASSPHRASE', 'AGENT', 'MODES', 'FINGERPRINT', 'COMMENT'];
    const empty = 'No keys. Make one: guesthouse keys create id_ed25519';
    return { data: all, text: rows.length ? table(head, rows) : empty };
  });

  const show = runner.define(keys, 'show', 'Show one key, with its randomart').argument('<key>', 'its name');
  runner.action<[string]>(show, async (run, ref) => {
    const key = await keyOf(run, ref);
    const publicText = await run.core.call('keys.publicText', { id: key.id }).catch(() => null);
    const { servers = [], guests } = await run.core.call('core.snapshot', undefined);
    const names = (ids: readonly string[]) =>
      ids.map((id) => [...guests, ...servers].find((one) => one.id === id)?.name ?? id).join(', ') || null;
    return {
      data: { ...key, publicText },
      text: `${facts([
        ['File', key.path ?? key.publicPath],
        ['Type', [key.type, key.bits].filter((x) => x !== null).join(' ') || null],
        ['Fingerprint', key.fingerprint ?? (key.noFingerprint && `not known. ${key.noFingerprint}`)],
        ['Comment', key.comment || null],
        ['Passphrase', key.encrypted === null ? null : key.encrypted ? 'yes' : 'no'],
        ['In the agent', key.inAgent ? 'yes' : 'no'],
        ['Accepted by', names(key.usedBy)],
        ['Set to be used for', names(servers.filter(({ keyId }) => keyId === key.id).map(({ id }) => id))],
        ['Public key', publicText],
        ['Problem', key.unreadable],
      ])}${key.randomart ? `\n${plain(key.randomart)}` : ''}`,
    };
  });

  const create = runner
    .define(keys, 'create', 'Make a key pair; a passphrase is read from the terminal or standard input')
    .argument('<name>', 'file name, e.g. id_ed25519')
    .addOption(new Option('--type <type>', 'kind of key').choices([...keyTypes]).default('ed25519'))
    .option('--bits <bits>', 'for rsa and ecdsa', bits)
    .option('--comment <text>', 'shown with the key', '')
    .option('--app', "in Guesthouse's own folder instead of ~/.ssh")
    .option('--no-passphrase', 'without one: whoever reads the file has the key');
  runner.action<[string]>(create, async (run, name) => {
    const o = create.opts<{
      type: (typeof keyTypes)[number];
      bits?: ReturnType<typeof bits>;
      comment: string;
      app?: boolean;
      passphrase: boolean;
    }>();
    let passphrase = '';
    if (o.passphrase) {
      const first = await readSecret('Passphrase (empty for none): ');
      if (first === null) throw new CancelledError();
      if (first === '' && !process.stdin.isTTY)
        throw new GuesthouseError('invalid-input', 'No passphrase was given.', {
          why: 'Standard input is empty, and a key without a passphrase must be asked for.',
          todo: 'Write the passphrase to standard input, or add --no-passphrase.',
        });
      if (first && process.stdin.isTTY && (await readSecret('The same again: ')) !== first)
        throw new GuesthouseError('invalid-input', 'The two passphrases are not the same.');
      passphrase = first;
    }
    const location = o.app ? 'app' : 'ssh';
    await answering(run, () =>
      run.follow(() =>
        run.core.call('keys.create', {
          name,
          location,
          type: o.type,
          bits: o.bits ?? null,
          comment: o.comment,
          passphrase,
        }),
      ),
    );
    const key = await keyOf(run, `${location}:${name}`);
    return { data: key, text: `${plain(key.path ?? '')}\n${key.fingerprint}` };
  });

  const importing = runner
    .define(keys, 'import', "Copy a private key into Guesthouse's folder, with the right modes")
    .argument('<file>', 'private key')
    .option('--name <name>', 'file name of the copy; default: the same')
    .option('--ssh', 'into ~/.ssh');
  runner.action<[string]>(importing, async (run, file) => {
    const o = importing.opts<{ name?: string; ssh?: boolean }>();
    const full = path.resolve(file);
    const name = o.name ?? path.basename(full);
    const { id } = await run.core.call('keys.import', { name, location: o.ssh ? 'ssh' : 'app', file: full });
    return { data: await keyOf(run, id), text: id };
  });

  const pub = runner.define(keys, 'public', 'Print the public key').argument('<key>', 'its name');
  runner.action<[string]>(pub, async (run, ref) => {
    const text = await run.core.call('keys.publicText', { id: ref });
    return { data: { text }, text: plain(text) };
  });

  const check = runner.define(
    keys,
    'check',
    'Tell which modes and owners are wrong, and what ssh does about it',
  );
  runner.action<[]>(check, async ({ core }) =>
    problemsAnswer(await core.call('keys.check', undefined), 'All modes and owners are right.'),
  );

  const fix = runner
    .define(keys, 'fix', 'Repair modes and owners; never loosens')
    .argument('[paths...]', 'only these')
    .option('--yes', 'do it');
  runner.action<[string[]]>(fix, async (run, chosen) => {
    const problems = await run.core.call('keys.check', undefined);
    if (!fix.opts<{ yes?: boolean }>().yes) {
      if (problems.length === 0) return problemsAnswer([], 'All modes and owners are right.');
      throw new GuesthouseError('needs-consent', `This would change ${problems.length} files.`, {
        why: problems.map((p) => p.command).join('\n'),
        todo: 'Say so: guesthouse keys fix --yes',
      });
    }
    const paths = chosen.length ? { paths: chosen.map((one) => path.resolve(one)) } : {};
    const left = await run.core.call('keys.fix', paths);
    const repaired = problems.length - left.length;
    const answer = problemsAnswer(left, `Repaired ${repaired}.`);
    return { ...answer, data: { repaired, left } };
  });

  const copy = runner
    .define(keys, 'copy', 'Let a key into guests and servers (ssh-copy-id)')
    .argument('<names...>', 'guests and servers')
    .option('--key <key>', 'which key; default: the only one, or id_ed25519');
  runner.action<[string[]]>(copy, async (run, targets) => {
    const ref = copy.opts<{ key?: string }>().key;
    const { keys: all } = await run.core.call('keys.list', undefined);
    const key =
      ref === undefined
        ? (all.find(({ name }) => name === 'id_ed25519') ?? (all.length === 1 ? all[0] : undefined))
        : await keyOf(run, ref);
    if (!key)
      throw new GuesthouseError('invalid-input', 'Which key?', {
        todo: `Name it with --key: ${all.map(({ name }) => name).join(', ') || '(there is none: keys create)'}`,
      });
    let operation: string | null = null;
    const told = new Map<string, number>();
    const off = run.core.onEvent(({ event }) => {
      if (event.type !== 'key-copy' || run.json) return;
      for (const host of event.copy.hosts) {
        for (const line of host.log.slice(told.get(host.target) ?? 0))
          run.say(plain(`${host.name}: ${line}`));
        told.set(host.target, host.log.length);
      }
    });
    try {
      await answering(run, () =>
        run.follow(async () => {
          const started = await run.core.call('keys.copyId', { id: key.id, targets });
          operation = started.operation;
          return started;
        }),
      );
    } catch (error) {
      if (operation === null || error instanceof CancelledError) throw error;
    } finally {
      off();
    }
    const state = await run.core.call('keys.copyState', { operation: operation! });
    const good = (host: KeyCopyHost) => host.status === 'copied' || host.status === 'already';
    const rows = state.hosts.map((host) => [
      host.name,
      host.status,
      host.error?.why ?? host.error?.message ?? '',
    ]);
    return {
      data: state,
      text: table(['HOST', 'RESULT', 'WHY'], rows),
      code: state.hosts.every(good) ? exitCodes.ok : exitCodes.failed,
    };
  });

  const remove = runner
    .define(keys, 'revoke', "Take a key out of a host's authorized_keys again")
    .argument('<key>', 'its name')
    .argument('<name>', 'guest or server');
  runner.action<[string, string]>(remove, async (run, ref, target) => {
    const key = await keyOf(run, ref);
    await answering(run, () =>
      run.follow(() => run.core.call('keys.removeFromHost', { id: key.id, target })),
    );
    return {
      data: { key: key.id, target },
      text: `authorized_keys of ${plain(target)} does not hold ${plain(key.name)} any more.`,
    };
  });

  const drop = runner
    .define(keys, 'delete', 'Move a key to the trash')
    .argument('<key>', 'its name')
    .option('--yes', 'do it');
  runner.action<[string]>(drop, async (run, ref) => {
    const key = await keyOf(run, ref);
    if (!drop.opts<{ yes?: boolean }>().yes)
      throw new GuesthouseError('needs-consent', `This would delete ${key.path ?? key.publicPath}.`, {
        why: key.usedBy.length ? `${key.usedBy.length} guests and servers accept it.` : undefined,
        todo: 'Say so with --yes. It can be restored: guesthouse keys restore',
      });
    const { trashId } = await run.core.call('keys.delete', { id: key.id });
    return { data: { trashId }, text: `Deleted. Bring it back: guesthouse keys restore ${trashId}` };
  });

  const restore = runner
    .define(keys, 'restore', 'Bring a deleted key back; without a name: list them')
    .argument('[id]', 'from the list');
  runner.action<[string | undefined]>(restore, async (run, id) => {
    if (id === undefined) {
      const { trash } = await run.core.call('keys.list', undefined);
      const rows = trash.map((one) => [one.id, one.name, new Date(one.deletedAt).toISOString()]);
      return {
        data: trash,
        text: rows.length ? table(['ID', 'NAME', 'DELETED'], rows) : 'The trash is empty.',
      };
    }
    const restored = await run.core.call('keys.restore', { id });
    return { data: restored, text: plain(restored.id) };
  });
}
