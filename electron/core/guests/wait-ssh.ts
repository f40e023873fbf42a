import { GuesthouseError } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { Clock } from '../platform/clock.ts';
import { BannerWatch, lookEvery } from '../ssh/ready.ts';

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
  const watch = new BannerWatch(target.address, target.port);
  let said = -1;
  try {
    for (;;) {
      op.check();
      const waited = Math.floor((clock.now() - begin) / 1000);
      if (waited !== said) op.phase(`Waiting for sshd, ${waited} s`);
      said = waited;
      if (watch.look()) return;
      if (!alive())
        throw new GuesthouseError('wrong-state', 'The guest ended before its SSH server answered.', {
          todo: 'Look at its serial console and log.',
        });
      if (waited >= seconds)
        throw new GuesthouseError('timeout', `No SSH server answered in ${seconds} s.`, {
          why: `Nobody sent an SSH banner on ${target.address} port ${target.port}.`,
          todo: 'Look at the serial console: the system may still boot, or have no sshd.',
        });
      await clock.sleep(lookEvery, op.signal);
    }
  } finally {
    watch.close();
  }
}
