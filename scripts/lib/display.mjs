// A display for programs that need one: the session's, or an Xvfb of our own.
import { spawn } from 'node:child_process';
import { Stop, which } from './common.mjs';

export function hasDisplay(env = process.env) {
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/**
 * Starts Xvfb on a free display, which it finds itself (-displayfd, Xserver(1)).
 * @param {{width?: number, height?: number}} size pixels
 * @returns {Promise<{display: string, close: () => Promise<void>}>}
 */
export async function startXvfb({ width = 1440, height = 960 } = {}) {
  const program = which('Xvfb');
  if (!program) throw new Stop('There is no display, and Xvfb (package xvfb) is not installed.');
  const child = spawn(
    program,
    ['-displayfd', '3', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp', '-noreset'],
    // A group of its own: Ctrl-C in the terminal must reach the app first, and the display last.
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], detached: true },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise((done) => child.on('exit', done));
  const number = await new Promise((found, failed) => {
    let text = '';
    child.on('error', failed);
    child.stdio[3].setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) found(text.trim());
    });
    ended.then(() => failed(new Stop(`Xvfb did not start: ${stderr.trim()}`)));
  });
  child.unref();
  child.stderr.unref();
  child.stdio[3].destroy();
  const kill = () => child.kill('SIGTERM');
  process.on('exit', kill);
  return {
    display: `:${number}`,
    async close() {
      process.off('exit', kill);
      child.ref();
      kill();
      await ended;
    },
  };
}
