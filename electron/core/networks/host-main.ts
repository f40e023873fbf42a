/**
 * A shared network's process: `network.cjs FOLDER`. Runs in Node under the command line, and under the window in a
 * worker of an Electron that never opens a window (shell/network-host.ts).
 */
import { workerData } from 'node:worker_threads';
import { NetworkHost } from './host.ts';

const dir = (workerData as { networkFolder?: string } | null)?.networkFolder ?? process.argv[2];

if (dir) {
  // In a worker process.exit ends the worker alone.
  const end = () => process.kill(process.pid, 'SIGKILL');
  const host = new NetworkHost(dir, end);
  process.on('uncaughtException', (error) => console.error(new Date().toISOString(), error));
  process.on('unhandledRejection', (error) => console.error(new Date().toISOString(), error));
  if (!workerData) process.on('SIGTERM', () => void host.end());
  host.start().catch((error: Error) => {
    console.error(`${new Date().toISOString()} ${error.message}`);
    end();
  });
}
