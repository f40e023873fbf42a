// Starts Electron on the checkout for a person.
import { spawn } from 'node:child_process';
import { root } from './common.mjs';

/**
 * Starts the app and waits for its end.
 * @param {{executable: string}} electron
 * @param {{noSandbox: boolean, args: readonly string[]}} options
 * @returns {Promise<number>} its exit code; 128 + n where a signal ended it
 */
export function launchElectron(electron, { noSandbox, args }) {
  const env = { ...process.env };
  delete env.ELECTRON_RUN_AS_NODE; // set in terminals of editors that are Electron apps themselves
  const child = spawn(electron.executable, [...(noSandbox ? ['--no-sandbox'] : []), root, ...args], {
    stdio: 'inherit',
    env,
  });
  // Ctrl-C in a terminal reaches the app by itself; this process only outlives it to hand on its exit code.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => done(code ?? 128 + (signal === 'SIGKILL' ? 9 : 15)));
  });
}
