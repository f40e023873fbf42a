import { GuesthouseError } from '../../../shared/errors.ts';
import type { HardwareForward } from '../../../shared/model/hardware.ts';
import type { QmpClient } from '../qmp/client.ts';

/** An option of QEMU's command line that takes JSON, and so is a QMP command's arguments too. */
export interface Made {
  readonly option: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** The JSON options of a command line, in order. */
export function jsonArguments(argv: readonly string[]): Made[] {
  const made: Made[] = [];
  argv.forEach((option, i) => {
    if (['-object', '-blockdev', '-netdev', '-device'].includes(option) && argv[i + 1]?.startsWith('{'))
      made.push({ option, value: JSON.parse(argv[i + 1]!) as Record<string, unknown> });
  });
  return made;
}

/** Opens the images of a disk in a running QEMU: its limits, then its block nodes from the bottom up. */
export async function addNodes(qmp: QmpClient, made: readonly Made[], target: string): Promise<void> {
  try {
    for (const { option, value } of made) {
      if (option === '-object' && value.id === `limits-${target}`) await qmp.execute('object-add', value);
      if (option === '-blockdev' && String(value['node-name']).startsWith(`disk-${target}-`))
        await qmp.execute('blockdev-add', value);
    }
  } catch (error) {
    await deleteNodes(qmp, target);
    throw error;
  }
}

/** Closes a disk's images: whatever order they depend on each other in, until no more will go. */
export async function deleteNodes(qmp: QmpClient, target: string): Promise<void> {
  for (;;) {
    const nodes = await qmp.execute<{ 'node-name'?: string }[]>('query-named-block-nodes', { flat: true });
    const own = nodes
      .flatMap((node) => node['node-name'] ?? [])
      .filter((name) => name.startsWith(`disk-${target}-`));
    let gone = 0;
    for (const name of own)
      await qmp.execute('blockdev-del', { 'node-name': name }).then(
        () => gone++,
        () => {}, // another stands on it: the next round
      );
    if (gone === 0) break;
  }
  await qmp.execute('object-del', { id: `limits-${target}` }).catch(() => {});
}

/** Ids of the devices we gave one that begin so, such as `net0`. */
export async function peripherals(qmp: QmpClient, prefix: string): Promise<string[]> {
  const all = await qmp.execute<{ name: string }[]>('qom-list', { path: '/machine/peripheral' });
  return all.map(({ name }) => name).filter((name) => new RegExp(`^${prefix}\\d+$`).test(name));
}

export async function freeId(qmp: QmpClient, prefix: string): Promise<number> {
  const used = new Set(await peripherals(qmp, prefix));
  let number = 0;
  while (used.has(`${prefix}${number}`)) number++;
  return number;
}

/** Milliseconds the system inside has to let a device go. */
const letGo = 30_000;

/**
 * Asks the system inside to let a device go and waits until it has (qapi, device_del).
 * @throws {GuesthouseError} `timeout` when it does not, `qmp-error` when it refuses
 */
export async function unplug(
  { qmp, signal }: { readonly qmp: QmpClient; readonly signal?: AbortSignal },
  id: string,
  what: string,
): Promise<void> {
  const refusal = (why: string) =>
    new GuesthouseError('timeout', `The system inside did not let go of ${what}.`, {
      why,
      todo: 'Stop using it inside and try again, or remove it at the next start.',
    });
  const over = qmp.waitFor(
    ({ event, data }) =>
      (event === 'DEVICE_DELETED' && data?.device === id) ||
      (event === 'DEVICE_UNPLUG_GUEST_ERROR' && data?.device === id),
    { timeoutMs: letGo, signal, what: 'The end of the device' },
  );
  over.catch(() => {});
  await qmp.execute('device_del', { id });
  const end = await over.catch((error: unknown) => {
    if (error instanceof GuesthouseError && error.code === 'timeout')
      throw refusal(
        `It was asked, and did not answer in ${letGo / 1000} s: it may still boot, or not listen.`,
      );
    throw error;
  });
  if (end.event === 'DEVICE_UNPLUG_GUEST_ERROR') throw refusal('It refused.');
}

/** A forward as slirp's `hostfwd_add` wants it, and as `hostfwd_remove` does. */
const rule = ({ proto, hostPort }: Pick<HardwareForward, 'proto' | 'hostPort'>) =>
  `${proto}:127.0.0.1:${hostPort}`;

/**
 * Makes the forwards of the running guest's first user network those wanted.
 * @throws {GuesthouseError} `port-taken`
 */
export async function syncForwards(qmp: QmpClient, wanted: readonly HardwareForward[]): Promise<void> {
  const nets = forwardsIn(await qmp.monitor('info usernet'));
  const [first] = nets.keys();
  if (first === undefined) {
    if (wanted.length === 0) return;
    throw new GuesthouseError('unsupported', 'The running guest has no card on a user network.');
  }
  const keys = new Set(wanted.map((forward) => `${rule(forward)}-${forward.guestPort}`));
  for (const [net, rules] of nets)
    for (const found of rules)
      if (net !== first || !keys.has(`${rule(found)}-${found.guestPort}`))
        await qmp.monitor(`hostfwd_remove ${net} ${rule(found)}`);
  const there = new Set(nets.get(first)!.map((found) => `${rule(found)}-${found.guestPort}`));
  for (const forward of wanted) {
    if (there.has(`${rule(forward)}-${forward.guestPort}`)) continue;
    const said = (await qmp.monitor(`hostfwd_add ${first} ${rule(forward)}-:${forward.guestPort}`)).trim();
    if (said !== '')
      throw new GuesthouseError('port-taken', `Port ${forward.hostPort} of this computer is not free.`, {
        why: said,
        todo: 'Choose another port.',
      });
  }
}

type Rule = Pick<HardwareForward, 'proto' | 'hostPort' | 'guestPort'>;

/** The forwards QEMU lists in `info usernet`, by network back end in the order of their numbers. */
export function forwardsIn(text: string): Map<string, Rule[]> {
  const nets = new Map<string, Rule[]>();
  let rules: Rule[] = [];
  for (const line of text.split('\n')) {
    const net = /\(?\b(hostnet\d+)\)?:/.exec(line)?.[1];
    if (net !== undefined) {
      rules = [];
      nets.set(net, rules);
    }
    const found = /^\s*(TCP|UDP)\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/.exec(line);
    if (found)
      rules.push({
        proto: found[1] === 'TCP' ? 'tcp' : 'udp',
        hostPort: Number(found[2]),
        guestPort: Number(found[3]),
      });
  }
  const number = (net: string) => Number(net.slice('hostnet'.length));
  return new Map([...nets].sort(([a], [b]) => number(a) - number(b)));
}
