// `npm run bench`: measures Guesthouse beside what people use today, in interleaved pairs.
//   node scripts/bench.mjs [NAME...]   a name is a file in bench/ without .bench.ts
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { main, root, Stop, say, seconds } from './lib/common.mjs';
import { importTs } from './lib/run-ts.mjs';
import { setUp } from './setup.mjs';

const ending = '.bench.ts';

await main(async (args) => {
  await setUp({ tests: true });
  await build({ tell: (line) => say(`  ${line}`) });
  const all = readdirSync(join(root, 'bench'))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));
  for (const name of args)
    if (!all.includes(name)) throw new Stop(`There is no bench ${name}. There are: ${all.join(', ')}.`, 2);
  const out = join(root, 'bench-out');
  mkdirSync(out, { recursive: true });
  let missed = 0;
  for (const name of args.length ? args : all) {
    const from = performance.now();
    say(`\n${name}`);
    const { bench } = await importTs(join(root, 'bench', `${name}${ending}`));
    const result = await bench();
    for (const line of result.lines)
      console.log(`  ${line.ok === false ? 'MISSED ' : line.ok ? 'met    ' : '       '}${line.text}`);
    missed += result.lines.filter((line) => line.ok === false).length;
    writeFileSync(join(out, `${name}.json`), JSON.stringify(result, null, 2));
    say(`  (${seconds(from)}; all numbers in bench-out/${name}.json)`);
  }
  return missed === 0 ? 0 : 1;
});
