import type { XmlCheck, XmlProblem } from '../../../shared/ipc/guests.ts';
import type { CodeProblem } from '../../ui/code/model.ts';
import css from './details.module.css';

export interface XmlMark {
  readonly line: number;
  readonly path: string;
  readonly text: string;
}

/** What will not run, or reaches outside, as marks beside lines. */
export const marksOf = (problems: readonly XmlProblem[]): readonly CodeProblem[] =>
  problems.map(({ line, reason, kind }) => ({
    line,
    message: reason,
    severity: kind === 'unsupported' ? 'warning' : 'info',
  }));

/** All there is to say of a checked text, to read. */
export function listOf(check: XmlCheck): readonly XmlMark[] {
  if (check.invalid) return [{ line: check.invalid.line ?? 1, path: '', text: check.invalid.reason }];
  const faults = check.schema.state === 'invalid' ? check.schema.messages : [];
  return [
    ...faults.map(({ line, text }) => ({ line: line ?? 1, path: '', text })),
    ...check.problems.map(({ line, path, reason }) => ({ line, path, text: reason })),
  ];
}

/** All there is to say of a checked text, as marks. */
export function checkMarks(check: XmlCheck | null): readonly CodeProblem[] {
  if (!check) return [];
  if (check.invalid)
    return [{ line: check.invalid.line ?? 1, message: check.invalid.reason, severity: 'error' }];
  return [
    ...check.schema.messages
      .filter(() => check.schema.state === 'invalid')
      .map(({ line, text }): CodeProblem => ({ line: line ?? 1, message: text, severity: 'error' })),
    ...marksOf(check.problems),
  ];
}

/** Where what stands, and why it matters; a press goes there. */
export function XmlProblems({
  marks,
  onLine,
}: {
  marks: readonly XmlMark[];
  onLine: (line: number) => void;
}) {
  return (
    <ul className={css.xmlProblems}>
      {marks.map((mark) => (
        <li key={`${mark.line} ${mark.path} ${mark.text}`}>
          <button type="button" onClick={() => onLine(mark.line)}>
            <span className="muted">Line {mark.line}</span>
            <span>
              {mark.path !== '' && <code>{mark.path}</code>} {mark.text}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
