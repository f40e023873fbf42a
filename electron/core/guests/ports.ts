import { createServer } from 'node:net';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { Domain } from '../domain/index.ts';

/**
 * First port of this computer's loopback that is given to a guest's SSH. The loopback is one for all users, and a guest
 * that is off holds no port: each user begins elsewhere, so that two people's guests are not given the same.
 */
const firstPort = 2201 + 100 * ((process.getuid?.() || 49) % 50);
const lastPort = 9999;

/** Ports of this computer a domain asks for. */
export function hostPorts(domain: Domain): number[] {
  const { ssh, forwards } = domain.metadata;
  return [...(ssh.hostPort === null ? [] : [ssh.hostPort]), ...forwards.map((f) => f.hostPort)];
}

/** Whether nobody listens on a TCP port of the loopback now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first port that no guest claims, running or not, and that is free now. @throws `port-taken` */
export async function choosePort(claimed: ReadonlySet<number>): Promise<number> {
  for (let port = firstPort; port <= lastPort; port++)
    if (!claimed.has(port) && (await isPortFree(port))) return port;
  throw new GuesthouseError('port-taken', 'No port of this computer is left for SSH.', {
    why: `All from ${firstPort} to ${lastPort} are used.`,
  });
}
