import { useEffect, useRef } from 'react';
import css from './code/code.module.css';
import type { CodeLanguage } from './code/model.ts';
import { cx } from './cx.ts';

/**
 * What changes from one text to another, one below the other, with what is alike folded away. Fills its parent, or is
 * at most `rows` lines high.
 */
export function TextDiff({
  before,
  after,
  language,
  label,
  rows,
  flush = false,
  testId,
}: {
  before: string;
  after: string;
  language: CodeLanguage;
  /** Its accessible name. */
  label: string;
  rows?: number;
  /** Without a frame: it fills a pane to its edges. */
  flush?: boolean;
  testId?: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const same = before === after;
  useEffect(() => {
    if (same) return;
    let gone = false;
    let close = () => {};
    void import('./code/diff.ts').then(({ openDiff }) => {
      if (!gone && box.current) close = openDiff(box.current, { before, after, language, label });
    });
    return () => {
      gone = true;
      close();
    };
  }, [before, after, language, label, same]);
  if (same)
    return (
      <p className="muted" data-testid={testId}>
        Nothing differs.
      </p>
    );
  return (
    <div
      ref={box}
      className={cx(css.box, css.readOnly, flush && css.flush, rows !== undefined && css.low)}
      style={rows ? { maxHeight: rows * 18 + 10 } : undefined}
      data-testid={testId}
    />
  );
}
