import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { CancelledError, GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { CreateSpec } from '../../../shared/ipc/guests.ts';
import { expandNames } from '../../../shared/model/name-pattern.ts';
import type { ClonePlan, CloneResult } from '../../../shared/model/template.ts';
import { exitCodes } from '../exit-codes.ts';
import { byName, deletedLines, plain, size, table } from '../output.ts';
import type { Runner } from '../run.ts';
import { amount, publicKeysIn, whole } from './create.ts';
import { userDataIn } from './seed-file.ts';

/** What a batch left when it was stopped: each clone is whole or gone. */
export function cancelledText(plan: Pick<ClonePlan, 'items'>, results: readonly CloneResult[]): string {
  const made = new Set(results.filter((one) => one.id !== null).map((one) => one.name));
  const names = plan.items.map((item) => item.name);
  const left = names.filter((name) => !made.has(name));
  return [
    `Cancelled: ${made.size} of ${names.length} clones were made${made.size > 0 ? ', and stay' : ''}.`,
    ...(made.size > 0 ? [`Made: ${names.filter((name) => made.has(name)).join(', ')}.`] : []),
    ...(left.length > 0 ? [`Not made, or removed again: ${left.join(', ')}.`] : []),
  ].join('\n');
}

const collect = (value: string, before: string[] = []) => [...before, value];

interface MakeOptions {
  readonly from?: 'debian-12';
  readonly fromImage?: string;
  readonly name?: string;
  readonly keep?: boolean;
  readonly tag?: string[];
  readonly dryRun?: boolean;
}

/** What a template is made from where that is no guest; null: a guest. */
function directSource({ from, fromImage, name, keep, dryRun }: MakeOptions): CreateSpec['from'] | null {
  if (from === undefined && fromImage === undefined) return null;
  if ((from !== undefined && fromImage !== undefined) || name !== undefined || keep || dryRun)
    throw new GuesthouseError('invalid-input', 'These options do not go together.', {
      why: '--from and --from-image each make a template of the name given; --name, --keep and --dry-run are for guests.',
    });
  return fromImage === undefined
    ? { kind: 'starter', id: from! }
    : { kind: 'image', path: resolve(fromImage) };
}

export function registerTemplates(program: Command, runner: Runner): void {
  const template = program.command('template').description('Templates that clones are made from');

  const list = runner.define(template, 'list', 'List the templates').alias('ls');
  runner.action<[]>(list, async ({ core }) => {
    const all = byName(await core.call('templates.list', undefined));
    const rows = all.map((one) => [
      one.name,
      `${one.memory} MiB`,
      size(one.disks.reduce((sum, disk) => sum + (disk.allocatedSize ?? 0), 0)),
      String(one.linkedClones.length),
      one.problem?.message ?? one.description,
    ]);
    return {
      data: all,
      text: rows.length
        ? table(['NAME', 'MEMORY', 'DISK', 'CLONES', 'DESCRIPTION'], rows)
        : 'No templates. Make one: guesthouse template make GUEST',
    };
  });

  const make = runner
    .define(template, 'make', 'Turn a guest that is off into a template, or make one from a system or image')
    .argument('<guest>', 'name, folder or UUID; with --from and --from-image what the template is called')
    .addOption(new Option('--from <source>', 'a system Guesthouse builds').choices(['debian-12']))
    .option('--from-image <file>', 'a disk image: raw, qcow2, VMDK, VDI, VHDX, VHD')
    .option('--name <name>', "what the template is called (the guest's name)")
    .option('--keep', 'copy the disk and keep the guest')
    .option('--tag <tag>', 'tag (again for more)', collect)
    .option('--dry-run', 'only say what would change on the disk');
  runner.action<[string]>(make, async ({ core, guest: find, follow }, ref) => {
    const options = make.opts<MakeOptions>();
    const from = directSource(options);
    if (from) {
      await follow(() => core.call('templates.make', { name: ref, from, tags: options.tag ?? [] }));
      const made = (await core.call('templates.list', undefined)).find((one) => one.name === ref) ?? null;
      return {
        data: made,
        text: plain(`Made the template ${ref}.\nNext: guesthouse clone ${ref} --name 'web-{01..03}'`),
      };
    }
    const guest = await find(ref);
    const plan = await core.call('templates.planSeal', {
      id: guest.id,
      name: options.name,
      keep: options.keep ?? false,
      tags: options.tag ?? [],
    });
    const lines = plan.changes.map((change) => `  ${change.action} ${change.path}`);
    const warnings = plan.warnings.map((warning) => `Note: ${warning}`);
    if (options.dryRun)
      return {
        data: plan,
        text: [`${plan.name} would be sealed:`, ...lines, ...warnings].map(plain).join('\n'),
      };
    let id = '';
    await follow(async () => {
      const started = await core.call('templates.seal', { planId: plan.planId });
      id = started.id;
      return started;
    });
    return {
      data: { id, ...plan },
      text: [
        options.keep
          ? `Made the template ${plan.name}; ${lines.length} paths sealed. ${guest.name} is as it was.`
          : `${guest.name} is now the template ${plan.name}; ${lines.length} paths sealed.`,
        ...warnings,
        `Next: guesthouse clone ${plan.name} --name 'web-{01..03}'`,
      ]
        .map(plain)
        .join('\n'),
    };
  });

  const remove = runner
    .define(template, 'delete', 'Delete a template; without --yes only say what would go')
    .argument('<template>', 'its name')
    .option('--yes', 'really delete');
  runner.action<[string]>(remove, async ({ core }, ref) => {
    const plan = await core.call('templates.deletePlan', { id: ref });
    const yes = remove.opts().yes === true;
    if (yes) await core.call('templates.delete', { id: ref });
    const lines = [
      `${yes ? 'Deleted' : 'This would delete'} ${ref}:`,
      ...deletedLines(plan.removed),
      ...(plan.clones.length > 0
        ? [`Linked clones stand on it: ${plan.clones.map((clone) => clone.name).join(', ')}.`]
        : []),
      ...(yes ? [] : ['Nothing was deleted. Add --yes to do it.']),
    ];
    return {
      data: { deleted: yes, ...plan },
      text: lines.map(plain).join('\n'),
      code: yes ? exitCodes.ok : exitCodes.usage,
    };
  });

  const full = runner
    .define(program, 'make-full', 'Give a linked clone a whole disk of its own, so that it needs no template')
    .argument('<clone>', 'name, folder or UUID');
  runner.action<[string]>(full, async ({ core, guest: find, follow }, ref) => {
    const guest = await find(ref);
    await follow(() => core.call('clones.makeFull', { id: guest.id }));
    return { data: { id: guest.id }, text: plain(`${guest.name} stands on its own disk now.`) };
  });

  const clone = runner
    .define(program, 'clone', 'Make clones, each a machine of its own')
    .argument('<source>', 'a template, or a guest that is off')
    .requiredOption('--name <pattern>', "a name, a list, or a pattern in quotes such as 'web-{01..20}'")
    .option('--full', 'whole copies of the disk instead of linked ones')
    .option('--user <user>', 'login user')
    .option('--key <file>', 'public key file that may log in (again for more)', collect)
    .option('--cpus <n>', 'processors', whole)
    .option('--memory <size>', 'memory, in MiB or such as 2G', amount('M'))
    .option('--disk <size>', 'size the disk is grown to, in GiB', amount('G'))
    .option('--tag <tag>', 'tag (again for more)', collect)
    .option('--seed <file>', 'cloud-init user data (#cloud-config) to give each as a NoCloud seed')
    .option('--rsa', 'make an RSA host key too')
    .option('--start', 'start them when they are made')
    .addOption(
      new Option('--wait <what>', 'start them, and wait until their SSH servers answer').choices(['ssh']),
    )
    .option('--dry-run', 'only show the values they would get');
  runner.action<[string]>(clone, async ({ core, follow }, source) => {
    const options = clone.opts<{
      name: string;
      full?: boolean;
      user?: string;
      key?: string[];
      cpus?: number;
      memory?: number;
      disk?: number;
      tag?: string[];
      seed?: string;
      rsa?: boolean;
      start?: boolean;
      wait?: 'ssh';
      dryRun?: boolean;
    }>();
    const expanded = expandNames(options.name);
    if ('problem' in expanded) throw new GuesthouseError('invalid-input', expanded.problem);
    const plan = await core.call('clones.plan', {
      source,
      names: [...expanded.names],
      linked: !options.full,
      vcpus: options.cpus ?? null,
      memory: options.memory ?? null,
      diskSize: options.disk ?? null,
      loginUser: options.user ?? null,
      authorizedKeys: (options.key ?? []).flatMap(publicKeysIn),
      hostKeyTypes: options.rsa ? ['ed25519', 'ecdsa', 'rsa'] : ['ed25519', 'ecdsa'],
      tags: options.tag ?? [],
      seed: options.seed === undefined ? null : { userData: userDataIn(options.seed) },
      start: options.start === true || options.wait === 'ssh',
    });
    const values = table(
      ['NAME', 'MACHINE-ID', 'MAC', 'SSH PORT', 'HOST KEY'],
      plan.items.map(({ name, identity, sshPort }) => [
        name,
        identity.machineId ?? '-',
        identity.macs[0] ?? '-',
        sshPort === null ? '-' : String(sshPort),
        identity.hostKeys[0]?.fingerprint ?? '-',
      ]),
    );
    const notes = [...plan.notes, ...plan.warnings.map((warning) => `Note: ${warning}`)].map(plain);
    if (options.dryRun) return { data: plan, text: [values, ...notes].join('\n') };
    const results = async () => core.call('clones.results', { planId: plan.planId });
    await follow(() => core.call('clones.run', { planId: plan.planId })).catch(async (error: unknown) => {
      if (!isCancelled(error)) throw error;
      throw new CancelledError(cancelledText(plan, await results().catch(() => [])));
    });
    if (options.wait === 'ssh')
      for (const { id } of await results())
        if (id !== null) await follow(() => core.call('guests.waitSsh', { id }));
    return { data: await results(), text: [values, ...notes].join('\n') };
  });
}
