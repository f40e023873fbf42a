// `npm run demo`: drives the real window through the main jobs, prints each step with its time, and leaves screenshots
// in a folder it names.
//   node scripts/demo.mjs [--list] [PART...]   a part is a file in e2e/demo/parts without its ending
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { devCache, main, root, say } from './lib/common.mjs';
import { importTs } from './lib/run-ts.mjs';
import { setUp } from './setup.mjs';

/** Runs the demo on what is built. @returns {Promise<number>} exit code */
export async function runDemo(args) {
  // Starters that tests built serve here too, from this person's own cache.
  process.env.GUESTHOUSE_TEST_CACHE ??= join(devCache(), 'test');
  const { demo } = await importTs(join(root, 'e2e/demo/demo.ts'));
  return demo(args);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(async (args) => {
    if (!args.includes('--list')) {
      await setUp();
      await build({ tell: (line) => say(`  ${line}`) });
    }
    process.exit(await runDemo(args)); // whatever a failed step left open
  });
