import { type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import css from './code/code.module.css';
import type { CodeView } from './code/editor.ts';
import type { CodeLanguage, CodeProblem } from './code/model.ts';
import { cx } from './cx.ts';

export interface CodeEditorHandle {
  /** Shows a line (1-based), puts the cursor there and the focus into the text. */
  goToLine(line: number): void;
}

/**
 * A text in XML or YAML to edit: line numbers, folding, search (Ctrl+F), undo, and marks beside lines with problems.
 * Controlled: it shows `value` and calls `onChange` with the whole new text. Line ends stay as they are, so an
 * untouched line keeps its bytes. Tab leaves it, as it leaves any field; Ctrl+] and Ctrl+[ indent.
 *
 * It fills its parent, or is `rows` lines high. CodeMirror is loaded when the first one is shown.
 */
export function CodeEditor({
  value,
  onChange,
  language,
  label,
  problems = none,
  readOnly = false,
  rows,
  flush = false,
  testId,
  ref,
}: {
  value: string;
  onChange?: (value: string) => void;
  language: CodeLanguage;
  /** Its accessible name. */
  label: string;
  problems?: readonly CodeProblem[];
  readOnly?: boolean;
  rows?: number;
  /** Without a frame: it fills a pane to its edges. */
  flush?: boolean;
  testId?: string;
  ref?: Ref<CodeEditorHandle>;
}) {
  const box = useRef<HTMLDivElement>(null);
  const changed = useRef(onChange);
  changed.current = onChange;
  const latest = useRef(value);
  latest.current = value;
  const [view, setView] = useState<CodeView | null>(null);

  useEffect(() => {
    let gone = false;
    let made: CodeView | null = null;
    void import('./code/editor.ts').then(({ openCode }) => {
      if (gone || !box.current) return;
      made = openCode(box.current, { value: latest.current, language, label, readOnly }, (text) =>
        changed.current?.(text),
      );
      setView(made);
    });
    return () => {
      gone = true;
      made?.destroy();
      setView(null);
    };
  }, [language, label, readOnly]);

  useEffect(() => view?.setValue(value), [view, value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new text forgets its marks: they are put anew
  useEffect(() => view?.setProblems(problems), [view, problems, value]);
  useImperativeHandle(ref, () => ({ goToLine: (line) => view?.goToLine(line) }), [view]);

  return (
    <div
      ref={box}
      className={cx(css.box, readOnly && css.readOnly, flush && css.flush)}
      style={rows ? { height: rows * 18 + 10 } : undefined}
      data-testid={testId}
      data-ready={view ? '' : undefined}
    />
  );
}

const none: readonly CodeProblem[] = [];
