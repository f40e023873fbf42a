// `npm start`: from a clean clone to an open window. Without a display it runs under Xvfb and goes through the demo.
//   node scripts/start.mjs [--no-sandbox] [--watch] [arguments for the app]
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, watch } from './build.mjs';
import { main, root, Stop, say, seconds } from './lib/common.mjs';
import { hasDisplay } from './lib/display.mjs';
import { launchElectron } from './lib/launch-electron.mjs';
import { setUp } from './setup.mjs';

await main(async (args) => {
  const from = performance.now();
  const own = new Set(['--no-sandbox', '--watch']);
  const { electron, noSandbox } = await setUp({ noSandbox: args.includes('--no-sandbox') });
  const built = await build({ tell: (line) => say(`  ${line}`) });
  say(`build:     ${built ? 'done' : 'dist/ is up to date'}`);
  if (!existsSync(join(root, 'dist/main.cjs')))
    throw new Stop('There is no main process in this checkout (electron/main.ts).');
  say(`start:     ready after ${seconds(from)}`);
  if (!hasDisplay()) {
    say('display:   there is none: running under Xvfb, and going through the demo by itself');
    const { runDemo } = await import('./demo.mjs');
    process.exit(await runDemo([]));
  }
  if (args.includes('--watch')) await watch(say);
  const code = await launchElectron(electron, { noSandbox, args: args.filter((arg) => !own.has(arg)) });
  process.exit(code);
});
