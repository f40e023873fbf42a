import * as path from 'node:path';
import { buildSync } from 'esbuild';

/**
 * A shared network's process from these very sources, as the command line would start it.
 * @param dir where it is built to; the test's own folder, gone with it
 */
export function networkHostForTests(dir: string): readonly string[] {
  const outfile = path.join(dir, 'network.cjs');
  buildSync({
    entryPoints: [path.resolve(__dirname, '../networks/host-main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
  });
  return [process.execPath, outfile];
}
