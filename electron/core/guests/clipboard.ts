import { GuesthouseError } from '../../../shared/errors.ts';
import { channelProps, type Domain, el } from '../domain/index.ts';
import type { QmpClient } from '../qmp/client.ts';

/** Whether the nth channel is QEMU's own end of spice-vdagent, by which clipboards meet. */
export const isVdagent = (domain: Domain, i: number) => domain.get(channelProps.type, i) === 'qemu-vdagent';

/** The domain without such channels; the same when it has none. */
export function withoutVdagent(domain: Domain): Domain {
  let made = domain;
  for (let i = made.count('channel') - 1; i >= 0; i--)
    if (isVdagent(made, i)) made = made.remove('channel', i);
  return made;
}

/** The domain with one that shares the clipboard. @throws {GuesthouseError} `unsupported` without a screen */
export function withVdagent(domain: Domain): Domain {
  if (domain.count('graphics') === 0)
    throw new GuesthouseError('unsupported', 'A guest without a screen has no clipboard to tie.', {
      todo: 'Show its screen first; a paravirtual guest has none.',
    });
  const without = withoutVdagent(domain);
  const ports = without.items('channel').map((_, i) => without.get(channelProps.port, i));
  const named = ports.flatMap((port) => port ?? []);
  // QEMU gives those that name no port the first free ones.
  const port = Math.max(0, ...named) + ports.length - named.length + 1;
  return without.add(
    'channel',
    el(
      'channel',
      { type: 'qemu-vdagent' },
      el('source', {}, el('clipboard', { copypaste: 'yes' }), el('mouse', { mode: 'server' })),
      el('target', { type: 'virtio', name: 'com.redhat.spice.0' }),
      el('address', { type: 'virtio-serial', controller: 0, bus: 0, port }),
    ),
  );
}

/**
 * Takes them out of a running QEMU, which cannot write its memory as long as one is there ("The vdagent chardev doesn't
 * yet support migration", up to QEMU 10.0). A serial port on virtio goes without asking the system inside.
 */
export async function unplugVdagent(qmp: QmpClient): Promise<void> {
  const all = await qmp.execute<{ label: string }[]>('query-chardev');
  for (const { label } of all.filter((one) => /^vdagent\d+$/.test(one.label))) {
    const id = `port-${label}`;
    const gone = qmp.waitFor(({ event, data }) => event === 'DEVICE_DELETED' && data?.device === id, {
      timeoutMs: 10_000,
      what: 'The end of the clipboard’s channel',
    });
    gone.catch(() => {});
    await qmp.execute('device_del', { id });
    await gone;
    await qmp.execute('chardev-remove', { id: label });
  }
}
