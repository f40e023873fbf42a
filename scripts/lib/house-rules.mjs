// House rules that are about words in files, not about imports (those are in .dependency-cruiser.cjs).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './common.mjs';

/**
 * @typedef {object} Rule
 * @property {string} name
 * @property {RegExp} where the files it holds for, by their path in the checkout
 * @property {RegExp} [but] files it does not hold for
 * @property {RegExp} never what must not stand in them
 */

/** @type {readonly Rule[]} */
export const rules = [
  {
    name: 'raw ipcMain and ipcRenderer stand only in electron/shell/ipc and the preload',
    where: /^electron\/.*\.ts$/,
    but: /^electron\/(shell\/ipc(\/|\.ts)|preload\.ts)/,
    never: /\bipc(Main|Renderer)\b/,
  },
  {
    name: 'window.guesthouse is touched only by renderer/bridge',
    where: /^renderer\/.*\.tsx?$/,
    but: /^renderer\/bridge\/|\.test\.tsx?$/,
    never: /\bwindow\.guesthouse\b|\bglobalThis\.guesthouse\b/,
  },
  {
    name: 'no local shell: programs get an array of arguments',
    where: /^(electron|shared)\/.*\.ts$/,
    but: /\.test\.ts$/,
    never: /\bshell:\s*true\b|\bexecSync\(|import\s*\{[^}]*\bexec\b[^}]*\}\s*from\s*'node:child_process'/,
  },
  {
    name: 'HTML is never set as text in the page',
    where: /^renderer\/.*\.tsx?$/,
    never: /dangerouslySetInnerHTML|\.innerHTML\s*=|insertAdjacentHTML/,
  },
  {
    name: 'host keys are never accepted unseen',
    where: /^(electron|shared|renderer)\/.*\.tsx?$/,
    but: /\.test\.tsx?$/,
    never: /StrictHostKeyChecking['",=\s]+(no|off|accept-new)\b/,
  },
  {
    name: 'types are not talked out of their job, and nothing is left for later',
    where: /^(electron|shared|renderer|e2e|bench|scripts)\/.*\.(tsx?|mjs)$/,
    but: /^scripts\/lib\/house-rules\.(test\.ts|mjs)$/,
    never: /\bas any\b|@ts-ignore|@ts-nocheck|\b(TODO|FIXME|XXX)\b/,
  },
];

function* filesBelow(dir) {
  for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

/**
 * Reads the sources once and holds every rule against them.
 * @param {Iterable<{path: string, text: string}>} [files] the checkout's sources when left out
 * @returns {import('./results.mjs').Outcome[]} one a rule
 */
export function checkRules(files = sources()) {
  const broken = new Map(rules.map((rule) => [rule, []]));
  for (const { path, text } of files)
    for (const rule of rules) {
      if (!rule.where.test(path) || rule.but?.test(path) || !rule.never.test(text)) continue;
      for (const [index, line] of text.split('\n').entries())
        if (rule.never.test(line)) broken.get(rule).push(`${path}:${index + 1}: ${line.trim()}`);
    }
  return rules.map((rule) => {
    const places = broken.get(rule);
    return {
      name: `house rule: ${rule.name}`,
      status: places.length === 0 ? 'passed' : 'failed',
      detail: places.join('\n'),
    };
  });
}

function* sources() {
  for (const dir of ['shared', 'electron', 'renderer', 'e2e', 'bench', 'scripts'])
    for (const path of filesBelow(dir))
      if (/\.(tsx?|mjs)$/.test(path)) yield { path, text: readFileSync(join(root, path), 'utf8') };
}
