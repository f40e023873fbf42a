// Makes a TypeScript program of the checkout (the demo, a bench) runnable by Node: one bundle, packages left outside.
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './common.mjs';

/**
 * Bundles `entry` and imports it.
 * @param {string} entry absolute path of a .ts file
 * @returns {Promise<Record<string, unknown>>} its exports
 */
export async function importTs(entry) {
  const { build } = await import('esbuild');
  // Inside the checkout, so that the bundle finds the packages as the source does.
  const dir = join(root, 'dist/scripts');
  mkdirSync(dir, { recursive: true });
  const outfile = join(dir, `${entry.slice(root.length + 1).replace(/[^\w.-]/g, '_')}-${process.pid}.mjs`);
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'warning',
    plugins: [scriptsOutside],
  });
  try {
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(outfile, { force: true });
  }
}

/** The scripts' own modules stay where they are: they find the checkout by their place in it. */
const scriptsOutside = {
  name: 'scripts-outside',
  setup(build) {
    build.onResolve({ filter: /\.mjs$/ }, ({ path, resolveDir }) =>
      path.startsWith('.') ? { path: pathToFileURL(resolve(resolveDir, path)).href, external: true } : null,
    );
  },
};
