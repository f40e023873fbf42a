import { type Ability, type GroupLimits, limitWords, type NotHeld } from '../../../shared/model/group.ts';
import type { Backend } from './backend.ts';
import type { Facts } from './facts.ts';
import type { Step } from './steps.ts';

/** Devices of limits that a machine has no whole disk for: partitions, and those that were taken away. */
export const unknownDisks = (facts: Facts, limits: GroupLimits): string[] =>
  limits.io.flatMap(({ device }) => (facts.disks.some(({ path }) => path === device) ? [] : [device]));

/** Why, with what there is instead. */
export function diskWords(facts: Facts, devices: readonly string[]): { why: string; todo: string } {
  const there = facts.disks.map(({ path }) => path).join(', ');
  return {
    why: `There is no whole disk ${devices.join(', ')} there, and the kernel limits no partition.`,
    todo: there === '' ? 'That machine has no disk that could be limited.' : `Choose one of ${there}.`,
  };
}

/** Limits that were asked for and that this machine does not hold, as far as it can be said without trying. */
export function unheld(backend: Backend, facts: Facts, limits: GroupLimits): NotHeld[] {
  const found: NotHeld[] = backend.abilities
    .filter((ability) => ability.held !== 'yes' && isSet(limits, ability))
    .map(({ limit, held, why, todo }) => ({
      limit,
      how: held === 'partly' ? 'partly' : 'no',
      why: why ?? '',
      todo,
    }));
  const disks = unknownDisks(facts, limits);
  if (disks.length > 0) found.push({ limit: 'io', how: 'no', ...diskWords(facts, disks) });
  if (backend.kind === 'v1' && limits.swapMax !== null && limits.memoryMax === null)
    found.push({
      limit: 'swapMax',
      how: 'no',
      why: 'Control groups of version 1 limit swap and memory together.',
      todo: 'Set a memory limit too.',
    });
  return found;
}

function isSet(limits: GroupLimits, { limit }: Ability): boolean {
  if (limit === 'io') return limits.io.length > 0;
  return limit !== 'pressure' && limit !== 'network' && limits[limit] !== null;
}

/** Limits whose step the kernel refused, in words. */
export const refused = (failed: readonly { readonly step: Step; readonly why: string }[]): NotHeld[] =>
  failed.flatMap(({ step: { limit }, why }) =>
    limit === undefined ? [] : [{ limit, how: 'no' as const, why: refusalOf(limit, why), todo: null }],
  );

function refusalOf(limit: NotHeld['limit'], why: string): string {
  if ((limit === 'memoryMax' || limit === 'swapMax') && /busy/i.test(why))
    return 'What runs has more memory than that, and the kernel found none to take back.';
  if (limit === 'swapMax' && /No such file/.test(why))
    return 'The kernel does not count swap here: boot with swapaccount=1.';
  if (limit === 'cpus' && /Invalid argument/.test(why))
    return 'A group cannot have more processor time than the one it is in.';
  if (limit === 'io' && /No such device/.test(why)) return 'The kernel has no such disk to limit.';
  return `${limitWords[limit]}: ${why}.`;
}
