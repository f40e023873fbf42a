// The ordinary user that integration and window tests run as when root starts them: root alone hides every fault of
// modes, FUSE and sandbox.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { devCache, root, run, Stop, say, searchPath, which } from './common.mjs';
import { findElectron } from './electron.mjs';
import { fingerprint, readStamp, writeStamp } from './inputs.mjs';
import { takeLock } from './lock.mjs';

const name = 'guesthouse-test';

/**
 * Makes the user (once), gives it what tests need of the machine, and brings its own copy of the checkout up to date.
 * @returns {Promise<{checkout: string, argv: (args: string[]) => string[], env: Record<string, string>}>} `argv` wraps
 *   a command so that it runs as the user
 */
export async function prepareUser() {
  let user = lookUp();
  if (!user) {
    const made = await run(which('useradd') ?? 'useradd', ['--create-home', '--shell', '/bin/sh', name]);
    if (made.code !== 0)
      throw new Stop(`The user ${name} for the tests could not be made: ${made.stderr.trim()}`);
    user = lookUp();
  }
  await subordinateIds();
  // Debian's udev rule gives everyone /dev/fuse; a container's bare /dev does not.
  if (existsSync('/dev/fuse')) chmodSync('/dev/fuse', 0o666);
  else
    throw new Stop('/dev/fuse is not there: load the module (modprobe fuse) or give it to this container.');
  // The same for the one that gives podman without root its network.
  if (existsSync('/dev/net/tun')) chmodSync('/dev/net/tun', 0o666);
  else
    throw new Stop('/dev/net/tun is not there: load the module (modprobe tun) or give it to this container.');

  const cache = join(user.home, '.cache');
  const runtime = `/tmp/guesthouse-test-${user.uid}`;
  for (const dir of [cache, join(cache, 'guesthouse-dev'), join(cache, 'guesthouse-test'), runtime]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    chownSync(dir, user.uid, user.gid);
  }
  await canRunNode(user);
  await takeLock(join(devCache(), 'test-user.lock'), say);
  const checkout = join(user.home, 'checkout');
  await copyCheckout(checkout, user);
  await copyElectron(cache, user);
  return {
    checkout,
    argv: (args) => asUser(user, args),
    env: {
      HOME: user.home,
      USER: name,
      LOGNAME: name,
      SHELL: '/bin/sh',
      LANG: 'C.UTF-8',
      PATH: process.env.PATH ?? searchPath(),
      XDG_RUNTIME_DIR: runtime,
      GUESTHOUSE_TEST_CACHE: join(cache, 'guesthouse-test'),
      ...electronOverride(),
    },
  };
}

const asUser = (user, args) => [
  which('setpriv') ?? 'setpriv',
  `--reuid=${user.uid}`,
  `--regid=${user.gid}`,
  '--init-groups',
  ...args,
];

/** A Node under root's home is out of the user's reach. */
async function canRunNode(user) {
  const [program, ...args] = asUser(user, [process.execPath, '--version']);
  const tried = await run(program, args);
  if (tried.code !== 0)
    throw new Stop(
      `The user ${name} cannot run ${process.execPath}: install Node where everyone can read it.`,
    );
}

function lookUp() {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  if (!line) return null;
  const [, , uid, gid, , home] = line.split(':');
  return { uid: Number(uid), gid: Number(gid), home };
}

/** mmdebstrap --mode=unshare needs ranges in subuid(5) and subgid(5); useradd gives them only where it is set up to. */
async function subordinateIds() {
  for (const [file, option] of [
    ['/etc/subuid', '--add-subuids'],
    ['/etc/subgid', '--add-subgids'],
  ]) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (text.split('\n').some((line) => line.startsWith(`${name}:`))) continue;
    const ends = text.split('\n').map((line) => Number(line.split(':')[1]) + Number(line.split(':')[2]) || 0);
    const first = Math.max(100_000, ...ends);
    const result = await run(which('usermod') ?? 'usermod', [option, `${first}-${first + 65_535}`, name]);
    if (result.code !== 0)
      throw new Stop(`${file} could not be given a range for ${name}: ${result.stderr.trim()}`);
  }
}

/** A copy and not the checkout itself: that may lie where only root looks, and tests write beside what they test. */
async function copyCheckout(target, user) {
  mkdirSync(target, { recursive: true });
  for (const entry of copied()) {
    rmSync(join(target, entry), { recursive: true, force: true });
    cpSync(join(root, entry), join(target, entry), { recursive: true, preserveTimestamps: true });
  }
  const lock = fingerprint(['package-lock.json', 'node_modules/.package-lock.json']);
  const stamp = join(target, '.packages-stamp');
  if (readStamp(stamp) !== lock) {
    rmSync(join(target, 'node_modules'), { recursive: true, force: true });
    const result = await run('cp', ['-a', join(root, 'node_modules'), target]);
    if (result.code !== 0)
      throw new Stop(`node_modules could not be copied for ${name}: ${result.stderr.trim()}`);
    writeStamp(stamp, lock);
  }
  await give(target, user);
}

/** All of the checkout but what is made from it, and node_modules, which is too big to copy every time. */
function copied() {
  const not = new Set([
    '.git',
    'node_modules',
    'release',
    'coverage',
    'test-results',
    'demo-out',
    'bench-out',
  ]);
  return readdirSync(root).filter((entry) => !not.has(entry));
}

async function copyElectron(cache, user) {
  const runtime = findElectron();
  if (!runtime?.fallback || process.env.ELECTRON_OVERRIDE_DIST_PATH) return;
  const dir = `electron-${runtime.version}`;
  const target = join(cache, 'guesthouse-dev', dir);
  if (existsSync(join(target, 'version')) && statSync(target).uid === user.uid) return;
  rmSync(target, { recursive: true, force: true });
  const result = await run('cp', ['-a', join(devCache(), dir), target]);
  if (result.code !== 0) throw new Stop(`Electron could not be copied for ${name}: ${result.stderr.trim()}`);
  await give(target, user);
}

async function give(path, user) {
  await run('chown', ['-R', '--no-dereference', `${user.uid}:${user.gid}`, path]);
  await run('chmod', ['-R', 'u+rwX', path]);
}

function electronOverride() {
  const value = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  return value ? { ELECTRON_OVERRIDE_DIST_PATH: value } : {};
}
