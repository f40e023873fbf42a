export type CodeLanguage = 'xml' | 'yaml';

/** What is wrong on a line of a text; `line` is 1-based. */
export interface CodeProblem {
  readonly line: number;
  readonly message: string;
  readonly severity: 'error' | 'warning' | 'info';
}
