// Builds dist/: main process, preload, terminal and network hosts and CLI with esbuild, the renderer with vite.
//   node scripts/build.mjs [--watch] [--force]
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, root, Stop, say, seconds } from './lib/common.mjs';
import { fingerprint, readStamp, writeStamp } from './lib/inputs.mjs';

const dist = join(root, 'dist');

/** Entry files to outputs. All run in Electron 25's Node 18 as well as in 45's, so: CommonJS, node18. */
const entries = {
  main: 'electron/main.ts',
  preload: 'electron/preload.ts',
  'terminal-host': 'electron/core/terminals/host-main.ts',
  network: 'electron/core/networks/host-main.ts',
  cli: 'electron/headless/cli.ts',
};

const nodeInputs = ['electron', 'shared', 'assets', 'package-lock.json', 'package.json', 'scripts/build.mjs'];
const rendererInputs = ['renderer', 'shared', 'package-lock.json', 'scripts/build.mjs'];

function esbuildOptions(outdir) {
  return {
    entryPoints: entries,
    outdir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    external: ['electron', 'node-pty'],
    sourcemap: 'linked',
    // Smaller to read at each start; names stay, for the log.
    minifyWhitespace: true,
    minifySyntax: true,
    loader: { '.bin': 'binary' },
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
    absWorkingDir: root,
  };
}

async function viteOptions(outDir) {
  const { default: react } = await import('@vitejs/plugin-react');
  const pages = readdirSync(join(root, 'renderer')).filter((name) => name.endsWith('.html'));
  return {
    configFile: false,
    root: join(root, 'renderer'),
    base: './',
    logLevel: 'warn',
    plugins: [react()],
    build: {
      outDir,
      emptyOutDir: true,
      target: 'chrome114',
      cssTarget: 'chrome114',
      sourcemap: true,
      modulePreload: { polyfill: false },
      // The page's policy lets images be data:, but no font.
      assetsInlineLimit: (file) => (/\.(svg|png)$/.test(file) ? undefined : false),
      chunkSizeWarningLimit: 2000,
      reportCompressedSize: false,
      rollupOptions: {
        input: pages.map((page) => join(root, 'renderer', page)),
        output: {
          codeSplitting: {
            groups: [
              // zod is told not to make code before anything uses it: in one chunk, whatever else is parted or joined.
              { name: 'schemas', test: /node_modules\/zod\/|renderer\/page-policy\.ts$/, priority: 1 },
              // What the first list needs is one file: each is asked of the main process, which is busy just then.
              { name: 'start', tags: ['$initial'] },
            ],
          },
        },
      },
    },
  };
}

/** Builds one part into a folder beside its place, then moves it there: a start meanwhile finds old or new, never half. */
async function part(name, inputs, outputs, tell, force, make) {
  const stamp = join(dist, `.${name}-stamp`);
  const now = fingerprint(inputs);
  if (!force && readStamp(stamp) === now && outputs.every((file) => existsSync(join(dist, file))))
    return false;
  const from = performance.now();
  const work = join(dist, `.${name}-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    await make(work);
    // Only what is known to be built from `now` gets its stamp: a file saved meanwhile makes the next build work again.
    writeStamp(stamp, now);
  } catch (error) {
    if (error?.errors || error?.code || error?.plugin)
      throw new Stop(`The ${name} could not be built: ${error.message}`);
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  tell(`built the ${name} in ${seconds(from)}`);
  return true;
}

/**
 * Builds what is not up to date.
 * @param {{tell?: (line: string) => void, force?: boolean}} options
 * @returns {Promise<boolean>} whether anything was built
 */
export async function build({ tell = () => {}, force = false } = {}) {
  mkdirSync(dist, { recursive: true });
  const outputs = Object.keys(entries).map((name) => `${name}.cjs`);
  const node = part('programs', nodeInputs, outputs, tell, force, async (work) => {
    const esbuild = await import('esbuild');
    await esbuild.build(esbuildOptions(work));
    for (const file of readdirSync(work)) renameSync(join(work, file), join(dist, file));
  });
  const page = existsSync(join(root, 'renderer/index.html'))
    ? part('window', rendererInputs, ['renderer/index.html'], tell, force, async (work) => {
        const vite = await import('vite');
        await vite.build(await viteOptions(join(work, 'new')));
        const target = join(dist, 'renderer');
        if (existsSync(target)) renameSync(target, join(work, 'old'));
        renameSync(join(work, 'new'), target);
      })
    : false;
  const results = await Promise.allSettled([node, page]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return results.some((result) => result.value);
}

/** Builds, and builds again whenever a source changes, until the process ends. */
export async function watch(tell) {
  const [esbuild, vite] = await Promise.all([import('esbuild'), import('vite')]);
  const context = await esbuild.context(esbuildOptions(dist));
  await context.watch();
  if (existsSync(join(root, 'renderer/index.html'))) {
    const options = await viteOptions(join(dist, 'renderer'));
    await vite.build({ ...options, build: { ...options.build, watch: {} } });
  }
  for (const name of ['programs', 'window']) rmSync(join(dist, `.${name}-stamp`), { force: true });
  tell('watching electron/, shared/ and renderer/; Ctrl-C ends it');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(async (args) => {
    if (args.includes('--watch')) return watch(say);
    const built = await build({ tell: say, force: args.includes('--force') });
    if (!built) say('dist/ is up to date');
  });
