// Renders assets/icon.svg to the PNGs beside it, which are committed. Needs rsvg-convert (package librsvg2-bin).
import { join } from 'node:path';
import { main, root, run, Stop, which } from './lib/common.mjs';

await main(async () => {
  if (!which('rsvg-convert')) throw new Stop('rsvg-convert is not installed (package librsvg2-bin).', 3);
  for (const size of [16, 24, 32, 48, 64, 128, 256, 512, 1024]) {
    const file = join(root, `assets/icon-${size}.png`);
    const result = await run('rsvg-convert', ['-w', `${size}`, join(root, 'assets/icon.svg'), '-o', file]);
    if (result.code !== 0) throw new Stop(`${file}: ${result.stderr}`);
  }
});
