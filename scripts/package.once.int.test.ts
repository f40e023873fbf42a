import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { expect, it } from 'vitest';
import { root } from './lib/common.mjs';
import { findElectron } from './lib/electron.mjs';

it('nothing is packaged from the fallback runtime unless told', () => {
  // The runtime that is here, marked as the fallback where it is another.
  const dist = dirname(findElectron()!.executable);
  const before = existsSync(join(root, 'release'));
  const marked = mkdtempSync(join(tmpdir(), 'gh-electron-'));
  try {
    for (const name of readdirSync(dist)) symlinkSync(join(dist, name), join(marked, name));
    if (!existsSync(join(marked, 'guesthouse-fallback')))
      writeFileSync(join(marked, 'guesthouse-fallback'), '');
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/package.mjs')], {
      env: { ...process.env, ELECTRON_OVERRIDE_DIST_PATH: marked },
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/past its end of life.*say --allow-fallback-runtime/);
    expect(status).toBe(4);
    expect(existsSync(join(root, 'release'))).toBe(before);
  } finally {
    rmSync(marked, { recursive: true, force: true });
  }
});

it('a package is made, its fuses are set, and its command line runs without the checkout', async () => {
  execFileSync(process.execPath, [join(root, 'scripts/package.mjs'), '--allow-fallback-runtime'], {
    stdio: 'ignore',
  });
  const deb = readdirSync(join(root, 'release')).find((name) => name.endsWith('.deb'))!;
  const dir = mkdtempSync(join(tmpdir(), 'gh-deb-'));
  try {
    execFileSync('dpkg-deb', ['-x', join(root, 'release', deb), dir]);
    const app = join(dir, 'usr/lib/guesthouse');
    const fuses = await getCurrentFuseWire(join(app, 'guesthouse'));
    expect(fuses[FuseV1Options.RunAsNode]).toBe('0'.charCodeAt(0));
    expect(fuses[FuseV1Options.OnlyLoadAppFromAsar]).toBe('1'.charCodeAt(0));
    expect(readdirSync(join(app, 'resources'))).not.toContain('default_app.asar');
    const env = {
      PATH: process.env.PATH,
      HOME: dir,
      XDG_RUNTIME_DIR: dir,
      NODE_PATH: join(app, 'resources/app.asar.unpacked/node_modules'),
    };
    const listed = execFileSync(process.execPath, [join(app, 'resources/cli/cli.cjs'), 'list', '--json'], {
      env,
      encoding: 'utf8',
    });
    expect(JSON.parse(listed)).toEqual([]);
    for (const name of ['cli.cjs', 'terminal-host.cjs'])
      expect(statSync(join(app, 'resources/cli', name)).mode & 0o777).toBe(0o644);
  } finally {
    rmSync(dir, { recursive: true, force: true });
    rmSync(join(root, 'release'), { recursive: true, force: true });
  }
});
