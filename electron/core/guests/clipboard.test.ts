import { expect, it } from 'vitest';
import { channelProps, Domain } from '../domain/index.ts';
import { withoutVdagent, withVdagent } from './clipboard.ts';

const agent = (address: string) =>
  `<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>${address}</channel>`;
const domain = (...channels: string[]) =>
  Domain.parse(
    `<domain type='qemu'><name>x</name><devices>${channels.join('')}<graphics type='vnc'/></devices></domain>`,
  );

it('takes a port that no other channel has, nor gets from QEMU for naming none', () => {
  const port = (n: number) => `<address type='virtio-serial' controller='0' bus='0' port='${n}'/>`;
  for (const [channels, wanted] of [
    [[], 1],
    [[agent(port(1))], 2],
    [[agent('')], 2],
    [[agent(port(3)), agent('')], 5],
  ] as const) {
    const tied = withVdagent(domain(...channels));
    expect(tied.get(channelProps.port, channels.length)).toBe(wanted);
    // Tied twice it has one all the same, and untied none.
    expect(withVdagent(tied).count('channel')).toBe(channels.length + 1);
    expect(withoutVdagent(tied).count('channel')).toBe(channels.length);
  }
});

it('is not for a guest without a screen', () => {
  expect(() => withVdagent(Domain.parse('<domain type="qemu"><name>x</name><devices/></domain>'))).toThrow(
    expect.objectContaining({ code: 'unsupported' }),
  );
});
