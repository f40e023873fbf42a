// The command line in a checkout: `npm run -s guesthouse -- list`. Builds what changed, silently, then becomes the CLI.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { main, root, Stop } from './lib/common.mjs';

await main(async (args) => {
  if (!existsSync(join(root, 'node_modules/esbuild')))
    throw new Stop('The checkout is not set up yet: run `node scripts/setup.mjs` first.');
  await build();
  const program = join(root, 'dist/cli.cjs');
  if (!existsSync(program))
    throw new Stop('There is no command line in this checkout (electron/headless/cli.ts).');
  const child = spawn(process.execPath, ['--enable-source-maps', program, ...args], { stdio: 'inherit' });
  // A terminal's Ctrl-C reaches both; what is sent to this process alone is handed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal));
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => {
      if (signal === null) return done(code);
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
});
