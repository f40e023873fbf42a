import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './lib/common.mjs';

const shots = () => {
  try {
    return readdirSync(join(root, 'demo-out'));
  } catch {
    return [];
  }
};

it('without a display `npm start` opens its window under Xvfb and begins the demo; Ctrl-C ends all of it', async () => {
  const before = shots();
  const temp = mkdtempSync(join(tmpdir(), 'gh-'));
  const { DISPLAY: _x, WAYLAND_DISPLAY: _w, ...env } = process.env;
  const child = spawn(process.execPath, [join(root, 'scripts/start.mjs')], {
    env: { ...env, TMPDIR: temp },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      // The name of the first part comes when the window is there.
      if (/^first guest$/m.test(said)) child.kill('SIGINT');
    });
  try {
    expect(await new Promise((done) => child.on('close', done)), said).toBe(130);
    expect(said).toMatch(
      /^start: .*\ndisplay: +there is none: running under Xvfb, and going through the demo/m,
    );
    expect(said).toMatch(/^Screenshots: demo-out\//m);
    // Its library goes with it, and what lived there.
    expect(readdirSync(temp).filter((name) => name.startsWith('gh-'))).toEqual([]);
  } finally {
    for (const name of shots())
      if (!before.includes(name)) rmSync(join(root, 'demo-out', name), { recursive: true });
    rmSync(temp, { recursive: true, force: true });
  }
});
