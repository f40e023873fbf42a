// `npm test`: everything from a clean clone to the whole suite. Its last line alone: `N passed, N failed`.
//   node scripts/test.mjs [--only types|lint|rules|unit|integration|window]... [--as root|user] [FILTER...]
// FILTER narrows unit, integration and window tests to files whose path holds it.
//
// Integration (*.int.test.ts) and window tests (*.e2e.ts) run twice when root starts this: as root, and as an ordinary
// user made for it, beside each other. A file named *.root.int.test.ts or *.root.e2e.ts runs as root alone, *.user.* as
// the user alone, *.once.* in the last of the runs. Started by an ordinary person, there is one run, theirs.
//
// These boot emulated machines beside each other on whatever processors there are. A file in which something failed is
// run once more at the end, when nothing else runs; what passes only then is named in the output, and everything that
// fails again has failed.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { devCache, isRoot, main, root, Stop, say, seconds } from './lib/common.mjs';
import { checkRules } from './lib/house-rules.mjs';
import { failedFiles, fromPlaywright, fromVitest, secondTry, tally } from './lib/results.mjs';
import { prepareUser } from './lib/test-user.mjs';
import { setUp } from './setup.mjs';

const kinds = ['types', 'lint', 'rules', 'unit', 'integration', 'window'];
const reports = join(root, 'test-results');
const minute = 60_000;

/** Where and as whom programs run; `last`: of the runs of the same tests. */
const here = {
  label: isRoot ? 'root' : 'you',
  last: false,
  checkout: root,
  argv: (args) => args,
  env: {
    ...process.env,
    GUESTHOUSE_TEST_CACHE: process.env.GUESTHOUSE_TEST_CACHE ?? join(devCache(), 'test'),
  },
};

/** Runs a tool of node_modules; its output goes to a log. @returns exit code, or null when it was killed */
function tool(place, name, args, { env = {}, timeoutMs = 5 * minute } = {}) {
  const log = join(reports, `${name}.log`);
  const [program, ...rest] = place.argv([process.execPath, ...args]);
  return new Promise((done) => {
    // A file and no pipe: a guest that outlives its test would hold the pipe open, and this would wait for it.
    const out = openSync(log, 'w');
    const child = spawn(program, rest, {
      cwd: place.checkout,
      env: { ...place.env, NO_COLOR: '1', CI: '1', ...env },
      stdio: ['ignore', out, out],
      detached: true, // so that what it started ends with it
    });
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {}
    };
    const stop = () => end('SIGTERM');
    process.on('exit', stop);
    const timer = setTimeout(() => {
      writeSync(out, `\nnot finished after ${timeoutMs / minute} min: stopped\n`);
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), 5000).unref();
    }, timeoutMs);
    const finish = (code) => {
      clearTimeout(timer);
      process.off('exit', stop);
      closeSync(out);
      done(code);
    };
    child.on('error', (error) => {
      writeSync(out, `${error.message}\n`);
      finish(127);
    });
    child.on('exit', finish);
  });
}

const lastLines = (name, count = 40) =>
  readFileSync(join(reports, `${name}.log`), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-count)
    .join('\n');

/** A tool whose exit code is one test. */
async function oneTest(title, log, args) {
  const code = await tool(here, log, args);
  return { name: title, status: code === 0 ? 'passed' : 'failed', detail: code === 0 ? '' : lastLines(log) };
}

/** By the native compiler, in a fifth of the processor time; version 6 is there for what reads sources by its API. */
async function types() {
  const projects = [
    ['shared', 'shared'],
    ['core', 'electron/core'],
    ['electron, newest types', 'electron'],
    ['electron, oldest types', 'electron/tsconfig.oldest.json'],
    ['renderer', 'renderer'],
    ['e2e, bench', 'e2e'],
  ];
  const outcomes = [];
  for (const [title, project] of projects)
    outcomes.push(
      await oneTest(`types: ${title}`, `types-${project.replace(/\W/g, '-')}`, [
        'node_modules/typescript-7/bin/tsc',
        '-p',
        project,
      ]),
    );
  return outcomes;
}

async function lint() {
  return [
    await oneTest('lint: biome', 'lint', [
      'node_modules/@biomejs/biome/bin/biome',
      'check',
      '--max-diagnostics=60',
      '--diagnostic-level=error',
      '.',
    ]),
  ];
}

async function rules() {
  const folders = ['shared', 'electron', 'renderer', 'e2e', 'bench', 'scripts'].filter((dir) =>
    existsSync(join(root, dir)),
  );
  return [
    await oneTest('house rule: who may import whom', 'imports', [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      ...folders,
    ]),
    await oneTest('house rule: nothing unused', 'unused', ['node_modules/knip/bin/knip.js']),
    ...checkRules(),
  ];
}

async function vitest(place, project, filters, timeoutMs, attempt = '') {
  const name = `${project}-${place.label}${attempt}`;
  const report = join(place.checkout, 'test-results', `${name}.json`);
  rmSync(report, { force: true });
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project, '--passWithNoTests'];
  const code = await tool(
    place,
    name,
    [...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters],
    {
      timeoutMs,
      env: runEnv(place),
    },
  );
  return readReport(place, name, code, () => fromVitest(report, place.checkout), report);
}

async function playwright(place, filters, attempt = '') {
  const name = `window-${place.label}${attempt}`;
  const report = join(place.checkout, 'test-results', `${name}.json`);
  rmSync(report, { force: true });
  const args = [
    'node_modules/@playwright/test/cli.js',
    'test',
    '-c',
    'e2e/playwright.config.ts',
    '--pass-with-no-tests',
    `--output=test-results/window${attempt}`,
  ];
  const code = await tool(place, name, [...args, '--reporter=line,json', ...filters], {
    timeoutMs: 25 * minute,
    env: { ...runEnv(place), PLAYWRIGHT_JSON_OUTPUT_FILE: report },
  });
  return readReport(place, name, code, () => fromPlaywright(report), report);
}

const unsteady = [];
/** More files than this that pass only when repeated are no bad luck any more. */
const mostUnsteady = 4;

/**
 * Runs the files in which something failed once more.
 * @param {object[]} first outcomes of the first try
 * @param {(files: string[], attempt: string) => Promise<object[]>} run of the files whose paths hold a filter
 * @returns {Promise<object[]>} the outcomes that count
 */
async function again(first, run) {
  const files = failedFiles(first);
  if (files.length === 0) return first;
  const tried = secondTry(first, files, await run(files, '-again'));
  unsteady.push(...tried.unsteady);
  return tried.outcomes;
}

const whoOf = (place) => (place.label === 'root' ? 'root' : 'user');

/** Which marked files a run takes (vitest.config.ts, e2e/playwright.config.ts). */
const runEnv = (place) => ({
  GUESTHOUSE_TEST_AS: whoOf(place),
  ...(place.last ? {} : { GUESTHOUSE_TEST_AGAIN: '1' }),
});

function readReport(place, name, code, read, report) {
  if (!existsSync(report)) {
    const none = code === 0;
    return none
      ? []
      : [{ name, status: 'failed', detail: `no report (exit code ${code}):\n${lastLines(name)}` }];
  }
  const outcomes = read().map((outcome) => ({ ...outcome, as: whoOf(place) }));
  // A tool that failed while all its tests passed found something that belongs to no test.
  if (code !== 0 && !outcomes.some((outcome) => outcome.status === 'failed'))
    outcomes.push({ name, status: 'failed', detail: `exit code ${code}:\n${lastLines(name)}` });
  return outcomes;
}

function parse(args) {
  const only = [];
  const filters = [];
  let as = null;
  for (let i = 0; i < args.length; i += 1) {
    if (args[i] === '--only' && kinds.includes(args[i + 1])) only.push(args[++i]);
    else if (args[i] === '--as' && ['root', 'user'].includes(args[i + 1])) as = args[++i];
    else if (args[i].startsWith('-'))
      throw new Stop(
        `Unknown: ${args[i]}. Known: --only ${kinds.join('|')}, --as root|user, and parts of file names.`,
        2,
      );
    else filters.push(args[i]);
  }
  return { wanted: new Set(only.length ? only : kinds), as, filters };
}

await main(async (args) => {
  const { wanted, as, filters } = parse(args);
  if (!isRoot && as === 'root') throw new Stop('--as root: you are not root.', 2);
  const from = performance.now();
  mkdirSync(reports, { recursive: true });
  await setUp({ tests: true });

  const outcomes = [];
  const section = async (title, body) => {
    const start = performance.now();
    let found;
    try {
      found = await body();
    } catch (error) {
      found = [
        { name: title, status: 'failed', detail: error instanceof Stop ? error.message : error.stack },
      ];
    }
    outcomes.push(...found);
    const bad = found.filter((outcome) => outcome.status === 'failed').length;
    const passed = found.length > 0 ? `${found.length - bad} of ${found.length}` : 'done';
    say(`${`${title}:`.padEnd(20)} ${passed}, ${seconds(start)}${bad ? `, ${bad} FAILED` : ''}`);
  };

  let built = false;
  await section('build', async () => {
    await build({ tell: (line) => say(`  ${line}`) });
    built = true;
    return [{ name: 'build', status: 'passed' }];
  });

  // Told to stop, it takes along what it started: see tool().
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }))
    process.once(signal, () => {
      say(`stopped by ${signal}: not all tests ran`);
      process.exit(code);
    });

  const sources = async () => {
    if (wanted.has('types')) await section('types', types);
    if (wanted.has('lint')) await section('lint', lint);
    if (wanted.has('rules')) await section('house rules', rules);
    if (wanted.has('unit')) await section('unit', () => vitest(here, 'unit', filters, 15 * minute));
  };
  /** What failed at the first try, to be tried again when nothing else runs. */
  const later = [];
  const withGuests = async (place) => {
    const part = async (title, run) =>
      await section(`${title} as ${place.label}`, async () => {
        const first = await run(filters);
        if (failedFiles(first).length === 0) return first;
        for (const { name, detail } of first.filter(({ status }) => status === 'failed'))
          say(`  failed, to be tried again: ${name}\n${(detail ?? '').replace(/^/gm, '    ')}`);
        later.push({ title: `${title} as ${place.label}, again`, retry: () => again(first, run) });
        return [];
      });
    if (wanted.has('integration'))
      await part('integration', (files, attempt) =>
        vitest(place, 'integration', files, 50 * minute, attempt),
      );
    // Without a build there is no window; that has been counted.
    if (wanted.has('window') && built)
      await part('window', (files, attempt) => playwright(place, files, attempt));
  };
  const machines = wanted.has('integration') || wanted.has('window');
  const asRoot = isRoot && as !== 'user';
  const asUser = isRoot && as !== 'root';
  await Promise.all([
    (async () => {
      if (machines && asRoot) await withGuests({ ...here, last: !asUser });
    })(),
    (async () => {
      await sources();
      if (machines && !isRoot) await withGuests({ ...here, last: true });
      if (!machines || !asUser) return;
      let user;
      await section('ordinary user', async () => {
        user = { label: 'user', last: true, ...(await prepareUser()) };
        return [];
      });
      if (user) await withGuests(user);
    })(),
  ]);
  for (const { title, retry } of later) await section(title, retry);

  // Serial tests fall with the one before them: files are counted.
  const shaken = failedFiles(unsteady).length;
  if (shaken > mostUnsteady)
    outcomes.push({
      name: 'steadiness',
      status: 'failed',
      detail: `${shaken} files passed only at the second try; at most ${mostUnsteady} may.`,
    });
  const expected = JSON.parse(readFileSync(join(root, 'scripts/expected-skips.json'), 'utf8'));
  const { passed, failed, excused } = tally(outcomes, expected);
  for (const { name } of unsteady) say(`passed only at the second try: ${name}`);
  for (const { name, detail } of excused) say(`skipped: ${name} (${detail})`);
  for (const { name, detail } of failed) say(`\nFAILED ${name}\n${detail ?? ''}`);
  say(`\nall took ${seconds(from)}; logs are in test-results/`);
  writeSync(1, `${passed} passed, ${failed.length} failed\n`);
  return failed.length === 0 && passed > 0 ? 0 : 1;
});
