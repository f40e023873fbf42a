import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { buildSync } from 'esbuild';

let built: string | null = null;

/** A shared network's process from these very sources, as the command line would start it. Built once, when asked for. */
export function networkHostForTests(): readonly string[] {
  if (!built) {
    const dir = mkdtempSync(path.join(tmpdir(), 'gh-net-'));
    built = path.join(dir, 'network.cjs');
    buildSync({
      entryPoints: [path.resolve(__dirname, '../networks/host-main.ts')],
      outfile: built,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
    });
    process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  }
  return [process.execPath, built];
}
