import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { app } from 'electron';

const flag = '--guesthouse-network';

/**
 * How the window starts a shared network's process. It must outlive the window, so it is no utility process; and a
 * packaged Electron runs no scripts (its runAsNode fuse is off). So it is this very program once more, which sees the
 * flag before Chromium is up. No page is ever opened there, so it has no sandbox to drop: without the two switches
 * Chromium would fork helpers that wait for pages.
 */
export function networkHostInElectron(): string[] {
  const folder = app.isPackaged ? [] : [app.getAppPath()];
  return [process.execPath, ...folder, '--no-sandbox', '--no-zygote', flag];
}

/**
 * In such a process, never returns: the network runs in a worker, while this thread waits before Chromium's start, so
 * that there is neither a display nor a browser. Elsewhere does nothing.
 * @param file the built `network.cjs`
 */
export function becomeNetworkHost(file: string): void {
  const at = process.argv.indexOf(flag);
  const networkFolder = at < 0 ? undefined : process.argv[at + 1];
  if (networkFolder === undefined) return;
  // A worker cannot read inside the package: it is given the text.
  new Worker(readFileSync(file, 'utf8'), { eval: true, workerData: { networkFolder } });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
