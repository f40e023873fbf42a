// Counts of tests, out of each tool's own report.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * @typedef {object} Outcome one test
 * @property {string} name file and title
 * @property {'passed' | 'failed' | 'skipped'} status
 * @property {string} [detail] why it failed
 * @property {'root' | 'user'} [as] who ran it, where that can make a difference
 */

/** Vitest's --reporter=json (the shape of Jest's). A file that fails before its first test is one failed test. */
export function fromVitest(file, checkout) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const outcomes = [];
  for (const suite of report.testResults) {
    const path = relative(checkout, suite.name);
    for (const test of suite.assertionResults)
      outcomes.push({
        name: `${path} > ${test.fullName.trim()}`,
        status: test.status === 'passed' ? 'passed' : test.status === 'failed' ? 'failed' : 'skipped',
        detail: test.failureMessages?.join('\n'),
      });
    if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'))
      outcomes.push({ name: path, status: 'failed', detail: suite.message });
  }
  return outcomes;
}

/** Playwright's json reporter. A test that passed only when repeated failed. */
export function fromPlaywright(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const outcomes = [];
  const walk = (suite, titles) => {
    for (const inner of suite.suites ?? []) walk(inner, [...titles, inner.title]);
    for (const spec of suite.specs ?? [])
      for (const test of spec.tests)
        outcomes.push({
          name: `e2e/${[...titles, spec.title].join(' > ')}`,
          status: test.status === 'expected' ? 'passed' : test.status === 'skipped' ? 'skipped' : 'failed',
          detail: test.results.flatMap((result) => result.errors.map((error) => error.message)).join('\n'),
        });
  };
  for (const suite of report.suites) walk(suite, [suite.title]);
  for (const error of report.errors ?? [])
    outcomes.push({ name: 'e2e', status: 'failed', detail: error.message });
  return outcomes;
}

/**
 * The test files in which something failed, by their paths in the checkout. Serial tests lean on those before them, so a
 * file is repeated whole.
 * @param {readonly Outcome[]} outcomes
 */
export const failedFiles = (outcomes) => [
  ...new Set(
    outcomes
      .filter(({ status }) => status === 'failed')
      .map(({ name }) => /^\S+\.(?:test|e2e)\.tsx?(?= > |$)/.exec(name)?.[0])
      .filter((file) => file !== undefined),
  ),
];

/**
 * Puts the outcomes of files that were run again in the place of their first ones.
 * @param {readonly Outcome[]} first
 * @param {readonly string[]} files which were run again
 * @param {readonly Outcome[]} again
 * @returns {{outcomes: Outcome[], unsteady: Outcome[]}} `unsteady`: failed at first and passed then, with why
 */
export function secondTry(first, files, again) {
  const fileOf = ({ name }) => files.find((file) => name === file || name.startsWith(`${file} > `));
  // A file that broke before its first test, and now runs, has none of its own name.
  const passedNow = (outcome) => {
    const now = again.filter(({ name }) => name === outcome.name || name.startsWith(`${outcome.name} > `));
    return now.length > 0 && now.every(({ status }) => status !== 'failed');
  };
  return {
    outcomes: [...first.filter((outcome) => fileOf(outcome) === undefined), ...again],
    unsteady: first.filter(
      (outcome) => outcome.status === 'failed' && fileOf(outcome) !== undefined && passedNow(outcome),
    ),
  };
}

/**
 * Sums up. A skipped test counts as failed unless `expected` names it, with a reason; then it does not count at all.
 * @param {readonly Outcome[]} outcomes
 * @param {readonly {test: string, reason: string, as?: 'root' | 'user'}[]} expected `test` is the name or the beginning
 *   of it; `as`: skipped only where this one runs it
 */
export function tally(outcomes, expected) {
  const reasonOf = (outcome) =>
    expected.find(({ test, as }) => outcome.name.startsWith(test) && (as === undefined || as === outcome.as))
      ?.reason;
  const failed = [];
  const excused = [];
  let passed = 0;
  for (const outcome of outcomes) {
    if (outcome.status === 'passed') passed += 1;
    else if (outcome.status === 'failed') failed.push(outcome);
    else {
      const reason = reasonOf(outcome);
      if (reason) excused.push({ ...outcome, detail: reason });
      else failed.push({ ...outcome, detail: 'skipped, and not listed in scripts/expected-skips.json' });
    }
  }
  return { passed, failed, excused };
}
