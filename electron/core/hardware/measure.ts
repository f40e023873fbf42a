import { createServer, type Socket } from 'node:net';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { SshTarget } from '../ssh/command.ts';
import { runRemote, type SshSurroundings } from '../ssh/remote.ts';

/** MiB written and read again: enough to pass every buffer, little enough for a slow computer. */
const diskMiB = 128;
const netMiB = 32;
/** Times each is measured. The best counts: whatever else this computer does only makes it slower. */
const times = 3;

/** dd(1) with O_DIRECT: past the cache of the system inside; the image is opened past that of this computer. */
const diskScript = `
set -e
export LC_ALL=C
f=$(mktemp "$HOME/.comparison.XXXXXX")
trap 'rm -f "$f"' EXIT
for n in $(seq "$2"); do
  dd if=/dev/zero of="$f" bs=1M count="$1" oflag=direct conv=fsync 2>&1 | tail -n 1
  dd if="$f" of=/dev/null bs=1M iflag=direct 2>&1 | tail -n 1
done
`;

/** Bytes a second. @throws what ssh says, or `program-failed` when dd's words cannot be read */
export async function measureDisk(
  around: SshSurroundings,
  target: SshTarget,
  signal: AbortSignal,
): Promise<{ diskRead: number; diskWrite: number }> {
  const { stdout } = await runRemote(
    around,
    target,
    ['sh', '-c', diskScript, 'sh', String(diskMiB), String(times)],
    {
      ask: false,
      signal,
      timeoutMs: 180_000,
    },
  );
  const rates = stdout.trim().split('\n').map(ddRate);
  const best = (odd: number) => Math.max(...rates.filter((_, i) => i % 2 === odd).map((rate) => rate ?? 0));
  const [diskWrite, diskRead] = [best(0), best(1)];
  if (diskWrite === 0 || diskRead === 0)
    throw new GuesthouseError('program-failed', 'The system inside did not tell its disk’s speed.', {
      detail: stdout,
    });
  return { diskRead, diskWrite };
}

/** `134217728 bytes (134 MB, 128 MiB) copied, 0.5 s, 268 MB/s`: bytes a second; null for other text. */
export function ddRate(line: string): number | null {
  const found = /^(\d+) bytes .*copied, ([\d.e+-]+) s,/.exec(line.trim());
  return found && Number(found[2]) > 0 ? Number(found[1]) / Number(found[2]) : null;
}

/** The guest's name for this computer's loopback on QEMU's user network. */
const host = '10.0.2.2';

/**
 * Bytes a second out of and into the guest, over plain TCP: encryption would be measured otherwise. The times are taken
 * here, from the first to the last byte.
 */
export async function measureNetwork(
  around: SshSurroundings,
  target: SshTarget,
  signal: AbortSignal,
): Promise<{ out: number; in: number }> {
  const inside = (script: string, port: number) =>
    runRemote(around, target, ['bash', '-c', script, 'bash', host, String(port), String(netMiB)], {
      ask: false,
      signal,
      timeoutMs: 180_000,
    });
  const best = { out: 0, in: 0 };
  for (let n = 0; n < times; n++) {
    const out = await withPeer(signal, receive, (port) =>
      inside('exec 3>"/dev/tcp/$1/$2"; dd if=/dev/zero bs=1M count="$3" >&3 2>/dev/null', port),
    );
    const into = await withPeer(signal, send, (port) =>
      inside('exec 3<"/dev/tcp/$1/$2"; dd of=/dev/null bs=1M <&3 2>/dev/null', port),
    );
    best.out = Math.max(best.out, out);
    best.in = Math.max(best.in, into);
  }
  return best;
}

/** Serves one connection on the loopback while `call` runs. */
async function withPeer(
  signal: AbortSignal,
  serve: (socket: Socket) => Promise<number>,
  call: (port: number) => Promise<unknown>,
): Promise<number> {
  const sockets = new Set<Socket>();
  let give: (rate: Promise<number>) => void = () => {};
  const rate = new Promise<number>((resolve) => {
    give = resolve as typeof give;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (sockets.size === 1) give(serve(socket));
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  try {
    if (signal.aborted) throw new CancelledError();
    const { port } = server.address() as { port: number };
    await call(port);
    return await Promise.race([
      rate,
      new Promise<never>((_, reject) => {
        if (sockets.size === 0)
          reject(new GuesthouseError('unreachable', 'The guest did not reach this computer.'));
      }),
    ]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

function receive(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    let begin = 0;
    socket.on('data', (chunk) => {
      begin ||= performance.now();
      bytes += chunk.length;
    });
    socket.once('close', () => {
      const seconds = (performance.now() - begin) / 1000;
      if (bytes > 0 && seconds > 0) resolve(bytes / seconds);
      else reject(new GuesthouseError('unreachable', 'Nothing came from the guest.'));
    });
  });
}

async function send(socket: Socket): Promise<number> {
  const chunk = Buffer.alloc(1 << 20);
  const begin = performance.now();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.resume();
  for (let n = 0; n < netMiB && !socket.destroyed; n++)
    if (!socket.write(chunk))
      await Promise.race([
        new Promise<void>((resolve) => void socket.once('drain', () => resolve())),
        closed,
      ]);
  socket.end();
  // The guest closes when it has read all: what waits in buffers has then arrived.
  await closed;
  return (netMiB * 2 ** 20) / ((performance.now() - begin) / 1000);
}
