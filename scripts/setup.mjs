// Brings a fresh machine to where Guesthouse starts (and, with --tests, to where its tests run). Plain Node, no
// dependencies. Says each step, skips what is done, names the exact missing thing. Exit code 3: something is missing
// that a person must install.
//   node scripts/setup.mjs [--tests] [--no-sandbox]
import { pathToFileURL } from 'node:url';
import { isRoot, main, Stop, say } from './lib/common.mjs';
import { describeRuntime, ensureElectron } from './lib/electron.mjs';
import { ensurePackages } from './lib/packages.mjs';
import { checkSandbox } from './lib/sandbox.mjs';
import { ensureSystem } from './lib/system.mjs';

/**
 * All steps of set-up, in order.
 * @param {{tests?: boolean, noSandbox?: boolean}} options
 * @returns {Promise<{electron: import('./lib/electron.d.mts').ElectronRuntime, noSandbox: boolean}>} `noSandbox` when
 *   Chromium must be started without its sandbox: as root, or when asked for in so many words
 */
export async function setUp({ tests = false, noSandbox = false } = {}) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new Stop(`Node 20 or newer is needed; this is ${process.versions.node}.`, 3);
  if (process.platform !== 'linux')
    throw new Stop(`Guesthouse runs on Linux; this is ${process.platform}.`, 3);
  step('node', process.versions.node);

  const installed = await ensureSystem(tests ? 'test' : 'run');
  step(
    'system',
    installed ? `installed what was missing (${installed})` : 'all programs and libraries are there',
  );

  step('packages', (await ensurePackages()) ? 'installed' : 'node_modules is as package-lock.json says');

  const electron = await ensureElectron((line) => say(`  ${line}`));
  step('electron', describeRuntime(electron));

  if (isRoot)
    step('sandbox', 'off: you are root, where Chromium refuses its sandbox (as an ordinary user it is on)');
  else if (noSandbox) step('sandbox', 'off: you asked for it');
  else {
    const sandbox = await checkSandbox(electron.executable);
    if (!sandbox.works)
      throw new Stop(
        `${sandbox.why}\n${sandbox.mend}\nThen start again. (\`npm start -- --no-sandbox\` goes without it, at your risk.)`,
        3,
      );
    step('sandbox', 'works');
  }
  return { electron, noSandbox: isRoot || noSandbox };
}

function step(name, text) {
  say(`${`${name}:`.padEnd(10)} ${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(async (args) => {
    await setUp({ tests: args.includes('--tests'), noSandbox: args.includes('--no-sandbox') });
  });
