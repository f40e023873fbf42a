import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failedFiles, fromPlaywright, fromVitest, secondTry, tally } from './results.mjs';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gh-results-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const report = (content: unknown) => {
  const file = join(dir, 'report.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
};

describe('tally', () => {
  const outcomes = [
    { name: 'a.test.ts > works', status: 'passed' as const },
    { name: 'a.test.ts > is left out', status: 'skipped' as const },
    { name: 'b.test.ts > needs a GPU', status: 'skipped' as const },
  ];
  it('counts a skipped test as failed', () => {
    const { passed, failed } = tally(outcomes, []);
    expect(passed).toBe(1);
    expect(failed.map(({ name }) => name)).toEqual(['a.test.ts > is left out', 'b.test.ts > needs a GPU']);
  });
  it('does not, when it is listed with a reason', () => {
    const { failed, excused } = tally(outcomes, [
      { test: 'b.test.ts', reason: 'no GPU in continuous integration' },
    ]);
    expect(failed.map(({ name }) => name)).toEqual(['a.test.ts > is left out']);
    expect(excused).toHaveLength(1);
  });
  it('does, when the list is for the run of somebody else', () => {
    const expected = [{ test: 'b.test.ts', reason: 'only root may', as: 'user' as const }];
    const [, , gpu] = outcomes;
    expect(tally([{ ...gpu!, as: 'user' }], expected).failed).toHaveLength(0);
    expect(tally([{ ...gpu!, as: 'root' }], expected).failed).toHaveLength(1);
  });
  it('does, when the list gives no reason', () => {
    expect(tally(outcomes, [{ test: 'b.test.ts', reason: '' }]).failed).toHaveLength(2);
  });
});

describe('fromVitest', () => {
  it('counts a file that fails before its first test', () => {
    const file = report({
      testResults: [{ name: '/c/x.test.ts', status: 'failed', message: 'SyntaxError', assertionResults: [] }],
    });
    expect(fromVitest(file, '/c')).toEqual([{ name: 'x.test.ts', status: 'failed', detail: 'SyntaxError' }]);
  });
  it('counts pending and todo tests as skipped', () => {
    const file = report({
      testResults: [
        {
          name: '/c/x.test.ts',
          status: 'passed',
          assertionResults: [
            { status: 'passed', fullName: 'one' },
            { status: 'skipped', fullName: 'two' },
            { status: 'todo', fullName: 'three' },
          ],
        },
      ],
    });
    expect(fromVitest(file, '/c').map(({ status }) => status)).toEqual(['passed', 'skipped', 'skipped']);
  });
});

describe('fromPlaywright', () => {
  it('walks nested suites and counts what passed only when repeated as failed', () => {
    const test = (status: string) => ({ status, results: [{ errors: [{ message: 'why' }] }] });
    const file = report({
      errors: [{ message: 'no tests' }],
      suites: [
        {
          title: 'a.e2e.ts',
          specs: [{ title: 'opens', tests: [test('expected')] }],
          suites: [{ title: 'inner', specs: [{ title: 'is shaky', tests: [test('flaky')] }] }],
        },
      ],
    });
    expect(fromPlaywright(file)).toEqual([
      { name: 'e2e/a.e2e.ts > inner > is shaky', status: 'failed', detail: 'why' },
      { name: 'e2e/a.e2e.ts > opens', status: 'passed', detail: 'why' },
      { name: 'e2e', status: 'failed', detail: 'no tests' },
    ]);
  });
});

describe('a second try', () => {
  const first = [
    { name: 'a.test.ts > works', status: 'passed' as const },
    { name: 'e2e/b.e2e.ts > opens', status: 'passed' as const },
    { name: 'e2e/b.e2e.ts > closes', status: 'failed' as const, detail: 'late' },
    { name: 'c.test.ts', status: 'failed' as const, detail: 'SyntaxError' },
    { name: 'integration-root', status: 'failed' as const, detail: 'exit code 1' },
  ];
  it('is for whole files, and for nothing that is no file', () =>
    expect(failedFiles(first)).toEqual(['e2e/b.e2e.ts', 'c.test.ts']));

  it('counts instead of the first, and names what passed only now', () => {
    const { outcomes, unsteady } = secondTry(first, failedFiles(first), [
      { name: 'e2e/b.e2e.ts > opens', status: 'passed' },
      { name: 'e2e/b.e2e.ts > closes', status: 'passed' },
      { name: 'c.test.ts', status: 'failed', detail: 'SyntaxError' },
    ]);
    expect(outcomes.filter(({ status }) => status === 'failed').map(({ name }) => name)).toEqual([
      'integration-root',
      'c.test.ts',
    ]);
    expect(unsteady.map(({ name }) => name)).toEqual(['e2e/b.e2e.ts > closes']);
  });

  it('does not excuse what fails again, nor a test that is gone', () => {
    const { outcomes, unsteady } = secondTry(
      first,
      ['e2e/b.e2e.ts'],
      [{ name: 'e2e/b.e2e.ts > opens', status: 'failed', detail: 'now this' }],
    );
    expect(unsteady).toEqual([]);
    expect(outcomes.filter(({ status }) => status === 'failed')).toHaveLength(3);
  });
});
