import { connect } from 'node:net';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';

/** Milliseconds a connection may stay silent: the user network accepts before the guest listens. */
const silence = 1500;
const pause = 150;

/** Connects once. True when an SSH server's identification string came (RFC 4253, 4.2); nothing else counts. */
export function hasSshBanner(address: string, port: number, timeoutMs = silence): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let text = '';
    const done = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      // A server may send other lines first.
      if (/(^|\n)SSH-/.test(text)) done(true);
      else if (text.length > 8192) done(false);
    });
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
  });
}

/**
 * Waits for a guest's sshd, telling the seconds.
 * @param alive false ends the wait: the guest is gone
 * @throws {GuesthouseError} `timeout`, `wrong-state` when the guest ended
 */
export async function waitForSsh(
  target: { address: string; port: number },
  seconds: number,
  alive: () => boolean,
  clock: Clock,
  op: OperationContext,
): Promise<void> {
  const begin = clock.now();
  let said = -1;
  for (;;) {
    op.check();
    const waited = Math.floor((clock.now() - begin) / 1000);
    if (waited !== said) op.phase(`Waiting for sshd, ${waited} s`);
    said = waited;
    if (await hasSshBanner(target.address, target.port)) return;
    if (!alive())
      throw new GuesthouseError('wrong-state', 'The guest ended before its SSH server answered.', {
        todo: 'Look at its serial console and log.',
      });
    if (waited >= seconds)
      throw new GuesthouseError('timeout', `No SSH server answered in ${seconds} s.`, {
        why: `Nobody sent an SSH banner on ${target.address} port ${target.port}.`,
        todo: 'Look at the serial console: the system may still boot, or have no sshd.',
      });
    await clock.sleep(pause, op.signal);
  }
}
