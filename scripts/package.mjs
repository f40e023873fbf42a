// `npm run package`: release/linux-unpacked by electron-builder, and of it a .deb by dpkg-deb.
//   node scripts/package.mjs [--allow-fallback-runtime]
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from './build.mjs';
import { main, root, run, Stop, say, seconds, which } from './lib/common.mjs';
import { controlFile, desktopFile, launcher, postinst, prerm } from './lib/deb.mjs';
import { pinnedVersion } from './lib/electron.mjs';
import { setUp } from './setup.mjs';

await main(async (args) => {
  const { electron } = await setUp();
  if (electron.fallback && !args.includes('--allow-fallback-runtime'))
    throw new Stop(
      `Electron ${electron.version} is past its end of life: it is for development and tests, not for a package. ` +
        `Package where Electron ${pinnedVersion()} can be downloaded, or say --allow-fallback-runtime to try the packaging itself.`,
      4,
    );
  await build({ tell: (line) => say(`  ${line}`) });
  const from = performance.now();
  const packed = await run(
    process.execPath,
    [
      join(root, 'node_modules/electron-builder/cli.js'),
      ...['--linux', 'dir', '--publish', 'never'],
      `-c.electronDist=${dirname(electron.executable)}`,
      `-c.electronVersion=${electron.version}`,
    ],
    { cwd: root },
  );
  const unpacked = join(root, 'release/linux-unpacked');
  if (packed.code !== 0 || !existsSync(join(unpacked, 'guesthouse')))
    throw new Stop(
      `electron-builder failed:\n${(packed.stdout + packed.stderr).trim().split('\n').slice(-20).join('\n')}`,
    );
  say(`release/linux-unpacked (${seconds(from)})`);
  if (!which('dpkg-deb')) return say('dpkg-deb is not here: no .deb');
  say(`release/${await deb(unpacked)} (${seconds(from)})`);
});

/** Lays the folder out as Debian wants it and packs it. @returns the file's name */
async function deb(unpacked) {
  const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tree = join(root, 'release/deb');
  rmSync(tree, { recursive: true, force: true });
  const put = (path, text, mode = 0o644) => {
    mkdirSync(dirname(join(tree, path)), { recursive: true, mode: 0o755 });
    writeFileSync(join(tree, path), text);
    chmodSync(join(tree, path), mode);
  };
  cpSync(unpacked, join(tree, 'usr/lib/guesthouse'), { recursive: true });
  put('DEBIAN/control', controlFile({ version, description }));
  put('DEBIAN/postinst', postinst, 0o755);
  put('DEBIAN/prerm', prerm, 0o755);
  put('usr/bin/guesthouse', launcher, 0o755);
  symlinkSync('../lib/guesthouse/guesthouse', join(tree, 'usr/bin/guesthouse-window'));
  put('usr/share/applications/guesthouse.desktop', desktopFile);
  put('usr/share/doc/guesthouse/copyright', readFileSync(join(root, 'LICENSE'), 'utf8'));
  for (const size of [16, 24, 32, 48, 64, 128, 256, 512]) {
    const dir = join(tree, `usr/share/icons/hicolor/${size}x${size}/apps`);
    mkdirSync(dir, { recursive: true });
    copyFileSync(join(root, `assets/icon-${size}.png`), join(dir, 'guesthouse.png'));
  }
  await run('chmod', ['-R', 'u+rwX,go+rX,go-w', tree]);
  const name = `guesthouse_${version}_amd64.deb`;
  const made = await run('dpkg-deb', [
    '--root-owner-group',
    '-Zzstd',
    '-b',
    tree,
    join(root, 'release', name),
  ]);
  rmSync(tree, { recursive: true, force: true });
  if (made.code !== 0) throw new Stop(`dpkg-deb failed: ${made.stderr.trim()}`);
  return name;
}
