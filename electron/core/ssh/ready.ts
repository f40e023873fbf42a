import { connect } from 'node:net';
import type { Clock } from '../platform/clock.ts';

/** Milliseconds a connection may stay silent: a busy guest accepts long before its sshd has forked and spoken. */
const silence = 20_000;
/** Looks between a silent connection and the next: QEMU's user network accepts before the guest listens. */
const patience = 10;
/**
 * Silent connections at once, and looks between two of them at the last. QEMU's user network keeps those given up for
 * 75 s and brings all to the guest when it is there: many would drive its sshd to MaxStartups (10), and it would drop
 * whoever comes next.
 */
const most = 4;
const longest = 128;

/** Milliseconds between two looks ({@link BannerWatch.look}). */
export const lookEvery = 150;

/** Looks whether an SSH server answers. To be looked at every {@link lookEvery} until it is closed. */
export class BannerWatch {
  private readonly ended = new AbortController();
  private answered = false;
  /** Whether the last end of a connection was the other side's doing. */
  private heard = true;
  private open = 0;
  private gap = patience;
  private sinceLast = patience;

  constructor(
    readonly address: string,
    readonly port: number,
  ) {}

  /** True when a server has said that it speaks SSH; else connects (again) where that may help. */
  look(): boolean {
    if (this.answered) return true;
    // A refused connection is tried again at the next look; beside a silent one comes another after a while, and after
    // a longer one as long as nothing but silence comes.
    if ((this.open === 0 && this.heard) || (this.open < most && this.sinceLast >= this.gap)) {
      if (!this.heard) this.gap = Math.min(2 * this.gap, longest);
      this.heard = false;
      this.open += 1;
      this.sinceLast = 0;
      void askBanner(this.address, this.port, this.ended.signal).then((end) => {
        this.open -= 1;
        this.answered ||= end === 'ssh';
        if (end === 'silent') return;
        this.heard = true;
        this.gap = patience;
      });
    }
    this.sinceLast += 1;
    return false;
  }

  close(): void {
    this.ended.abort();
  }
}

/** Connects once. `ssh` when an SSH server's identification string came (RFC 4253, 4.2); nothing else counts. */
function askBanner(address: string, port: number, signal: AbortSignal): Promise<'ssh' | 'other' | 'silent'> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let text = '';
    const done = (answer: 'ssh' | 'other' | 'silent') => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(answer);
    };
    const giveUp = () => done('silent');
    const hungUp = () => done('other');
    const timer = setTimeout(giveUp, silence);
    signal.addEventListener('abort', giveUp, { once: true });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      // A server may send other lines first.
      if (/(^|\n)SSH-/.test(text)) done('ssh');
      else if (text.length > 8192) done('other');
    });
    socket.on('error', hungUp);
    socket.on('close', hungUp);
  });
}

/**
 * Whether an SSH server answers there for some seconds on end: then what hung up was neither a reboot nor the network.
 * @param alive false ends the look: the guest is down
 */
export async function keepsAnswering(
  where: { readonly address: string; readonly port: number },
  alive: () => boolean,
  clock: Clock,
): Promise<boolean> {
  const { signal } = new AbortController();
  for (let looks = 0; looks < 4; looks++) {
    const watch = new BannerWatch(where.address, where.port);
    try {
      const until = clock.now() + 2000;
      while (!watch.look()) {
        if (clock.now() > until || !alive()) return false;
        await clock.sleep(lookEvery, signal);
      }
    } finally {
      watch.close();
    }
    await clock.sleep(1000, signal);
    if (!alive()) return false;
  }
  return true;
}

/** Waits for an sshd, telling the whole seconds waited. Ends by `signal` alone. */
export async function waitForSshd(
  where: () => { address: string; port: number } | null,
  waited: (seconds: number) => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const begin = clock.now();
  let watch: BannerWatch | null = null;
  try {
    for (let said = -1; ; ) {
      const seconds = Math.floor((clock.now() - begin) / 1000);
      if (seconds !== said) waited(seconds);
      said = seconds;
      const target = where();
      if (watch && (target?.address !== watch.address || target.port !== watch.port)) {
        watch.close();
        watch = null;
      }
      if (target) {
        watch ??= new BannerWatch(target.address, target.port);
        if (watch.look()) return;
      }
      await clock.sleep(lookEvery, signal);
    }
  } finally {
    watch?.close();
  }
}
