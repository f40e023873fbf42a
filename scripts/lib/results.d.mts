export interface Outcome {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly detail?: string;
  readonly as?: 'root' | 'user';
}
export function fromVitest(file: string, checkout: string): Outcome[];
export function fromPlaywright(file: string): Outcome[];
export function failedFiles(outcomes: readonly Outcome[]): string[];
export function secondTry(
  first: readonly Outcome[],
  files: readonly string[],
  again: readonly Outcome[],
): { readonly outcomes: Outcome[]; readonly unsteady: Outcome[] };
export function tally(
  outcomes: readonly Outcome[],
  expected: readonly { readonly test: string; readonly reason: string; readonly as?: 'root' | 'user' }[],
): { readonly passed: number; readonly failed: readonly Outcome[]; readonly excused: readonly Outcome[] };
