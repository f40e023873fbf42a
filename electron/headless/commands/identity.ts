import type { Command } from 'commander';
import type { IdentityRow, RepairPlan } from '../../../shared/model/identity.ts';
import { answering } from '../answers.ts';
import { exitCodes } from '../exit-codes.ts';
import { plain, table, told } from '../output.ts';
import type { Runner } from '../run.ts';

const groupTitles = {
  'machine-id': 'Same machine-id',
  'host-key': 'Same SSH host key',
  uuid: 'Same UUID',
  mac: 'Same MAC address',
  hostname: 'Same hostname',
} as const;

const words: Record<IdentityRow['verification'], string> = {
  none: '-',
  planned: 'written',
  'restart-needed': 'restart needed',
  verified: 'verified',
  differs: 'DIFFERS',
};

/** What its definition gets, which is not on its disk; of its keys what a person compares. */
const newValues = ({ identity }: RepairPlan['items'][number], uuid: string | null) => [
  ...identity.hostKeys.map((key) => `  host key: ${key.fingerprint} (${key.type})`),
  ...(identity.uuid && identity.uuid !== uuid ? [`  UUID: ${uuid ?? '-'} -> ${identity.uuid}`] : []),
  ...identity.macs.map((mac) => `  MAC: ${mac}`),
];

export function registerIdentity(program: Command, runner: Runner): void {
  const identity = program
    .command('identity')
    .description('Machine-ids, SSH host keys and names: compare, repair');

  const audit = runner
    .define(identity, 'audit', 'Read all identities and name duplicates; exit code 1 when there are problems')
    .option('--ssh', 'read running guests and servers over SSH too')
    .option('--refresh', 'read every disk again, whatever the cache says');
  runner.action<[]>(audit, async ({ core }) => {
    const options = audit.opts<{ ssh?: boolean; refresh?: boolean }>();
    const report = await core.call('identity.audit', {
      overSsh: options.ssh ?? false,
      refresh: options.refresh ?? false,
    });
    const nameOf = told(report.rows);
    const rows = report.rows.map((row) => [
      nameOf(row.id),
      row.kind,
      row.facts?.machineId ?? row.facts?.machineIdState ?? '?',
      row.facts?.hostname ?? '-',
      row.facts?.hostKeys[0]?.fingerprint ?? '-',
      words[row.verification],
      row.error?.message ?? '',
    ]);
    const groups = report.groups.flatMap((group) => [
      `${groupTitles[group.kind]} ${group.value}: ${group.members.map((member) => nameOf(member.id)).join(', ')}`,
      `  ${group.consequence}`,
    ]);
    const problems = report.groups.filter((group) => group.severity === 'problem').length;
    return {
      data: report,
      text: [
        rows.length
          ? table(['NAME', 'KIND', 'MACHINE-ID', 'HOSTNAME', 'HOST KEY', 'STATE', ''], rows)
          : 'There is nothing to compare yet.',
        ...(groups.length ? ['', ...groups.map(plain)] : rows.length ? ['', 'No duplicates.'] : []),
        ...(report.rows.some((row) => row.facts === null && !options.ssh)
          ? ['Running guests and servers are read with --ssh.']
          : []),
      ].join('\n'),
      code: problems > 0 ? exitCodes.failed : exitCodes.ok,
    };
  });

  const repair = runner
    .define(identity, 'repair', 'Give machines an identity of their own: on the disk when off, else over SSH')
    .argument('<names...>', 'guests and servers')
    .option('--dry-run', 'only say what would change');
  runner.action<[string[]]>(repair, async (run, names) => {
    const { core, follow } = run;
    return answering(run, async () => {
      const plan = await core.call('identity.planRepair', { ids: names });
      const { guests } = await core.call('core.snapshot', undefined);
      const nameOf = told([
        ...guests,
        ...plan.items.filter(({ id }) => !guests.some((one) => one.id === id)),
      ]);
      const lines = plan.items.flatMap((item) => [
        `${nameOf(item.id)} (${item.via === 'disk' ? 'on its disk' : 'over SSH'})`,
        ...(item.error ? [`  cannot be repaired: ${item.error.message}`] : []),
        ...item.changes.map(
          (change) =>
            `  ${change.path}: ${change.before ?? '-'} -> ${change.after ?? (change.action === 'remove' ? 'removed' : 'new')}`,
        ),
        ...(item.error ? [] : newValues(item, guests.find(({ id }) => id === item.id)?.uuid ?? null)),
        ...item.warnings.map((warning) => `  Note: ${warning}`),
      ]);
      const refused = plan.items.filter((item) => item.error !== null).length;
      if (!repair.opts().dryRun && refused < plan.items.length)
        await follow(() => core.call('identity.repair', { planId: plan.planId }));
      return {
        data: plan,
        text: lines.map(plain).join('\n'),
        code: refused > 0 ? exitCodes.failed : exitCodes.ok,
      };
    });
  });

  const restore = runner
    .define(identity, 'restore', 'Put back the identity from before the last repair')
    .argument('<name>', 'a guest by name, folder or UUID, or a server');
  runner.action<[string]>(restore, async (run, ref) =>
    answering(run, async () => {
      const id = await run.guest(ref).then(
        (guest) => guest.id,
        () => ref,
      );
      await run.follow(() => run.core.call('identity.restore', { id }));
      return { data: { id }, text: `${plain(ref)} has its old identity again.` };
    }),
  );

  const verify = runner
    .define(
      identity,
      'verify',
      'Read a running machine, over SSH or by its agent, and compare it with what was written',
    )
    .argument('<name>', 'a guest or server');
  runner.action<[string]>(verify, async (run, ref) =>
    answering(run, async () => {
      await run.follow(() => run.core.call('identity.verify', { id: ref }));
      const { rows } = await run.core.call('identity.audit', {});
      const row = rows.find((one) => one.id === ref || one.name === ref);
      return {
        data: row ?? null,
        text: `${plain(ref)}: ${row ? words[row.verification] : 'unknown'}`,
        code: row?.verification === 'differs' ? exitCodes.failed : exitCodes.ok,
      };
    }),
  );
}
