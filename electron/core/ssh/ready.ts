import { connect } from 'node:net';
import type { Clock } from '../platform/clock.ts';

/** Milliseconds a connection may stay silent: QEMU's user network accepts before the guest listens. */
const silence = 1500;

/** Connects once; true when an SSH identification string came (RFC 4253, 4.2). */
export function sshReady(address: string, port: number, timeoutMs = silence): Promise<boolean> {
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
      text = (text + chunk.toString('latin1')).slice(-8192);
      if (/(^|\n)SSH-/.test(text)) done(true);
    });
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
  });
}

/** Waits for an sshd, telling the whole seconds waited. Ends by `signal` alone. */
export async function waitForSshd(
  where: () => { address: string; port: number } | null,
  waited: (seconds: number) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const begin = clock.now();
  for (let said = -1; ; ) {
    const seconds = Math.floor((clock.now() - begin) / 1000);
    if (seconds !== said) waited(seconds);
    said = seconds;
    const target = where();
    if (target && (await sshReady(target.address, target.port))) return;
    await clock.sleep(200, signal);
  }
}
