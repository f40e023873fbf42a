// The step of set-up that brings node_modules to what package-lock.json says.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, Stop, say, seconds } from './common.mjs';

/**
 * Whether node_modules holds what the lock file names. npm writes node_modules/.package-lock.json at the end of an
 * installation, so an interrupted one has none.
 */
export function packagesUpToDate() {
  const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  let wanted;
  let present;
  try {
    wanted = read('package-lock.json');
    present = read('node_modules/.package-lock.json');
  } catch {
    return false;
  }
  // Optional packages are those of other systems, too.
  return Object.entries(wanted).every(([path, { version, integrity, optional, link }]) => {
    if (path === '' || link) return true;
    const found = present[path];
    return found ? found.version === version && found.integrity === integrity : optional === true;
  });
}

/** @returns {Promise<boolean>} whether anything was installed */
export async function ensurePackages() {
  if (packagesUpToDate()) return false;
  say('  npm ci');
  const from = performance.now();
  const result = await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root });
  if (result.code === 127)
    throw new Stop('npm is not installed (it comes with Node; on Debian: apt-get install npm).', 3);
  if (result.code !== 0)
    throw new Stop(
      `npm ci failed:\n${result.stderr
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('npm error'))
        .slice(-12)
        .join('\n')}`,
      3,
    );
  say(`  npm ci took ${seconds(from)}`);
  return true;
}
