import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import {
  bracketMatching,
  codeFolding,
  foldGutter,
  foldKeymap,
  indentOnInput,
  indentUnit,
} from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { CodeLanguage, CodeProblem } from './model.ts';
import { codeBase } from './setup.ts';
import { lineEndOf, replacement } from './text.ts';

/** The search panel's words, as the rest of the window writes them. */
const phrases = {
  next: 'Next',
  previous: 'Previous',
  all: 'Select all',
  'match case': 'Match case',
  regexp: 'Pattern',
  'by word': 'Whole words',
  replace: 'Replace',
  'replace all': 'Replace all',
};

export interface CodeView {
  setValue(text: string): void;
  setProblems(problems: readonly CodeProblem[]): void;
  goToLine(line: number): void;
  destroy(): void;
}

/** Puts an editor into `parent`. `onChange` hears what the person changes, not what `setValue` puts there. */
export function openCode(
  parent: HTMLElement,
  options: { value: string; language: CodeLanguage; label: string; readOnly: boolean },
  onChange: (text: string) => void,
): CodeView {
  let putting = false;
  let lineEnd = lineEndOf(options.value);
  const stateOf = (text: string) =>
    EditorState.create({
      doc: text,
      extensions: [
        EditorState.lineSeparator.of(lineEnd),
        EditorState.readOnly.of(options.readOnly),
        lineNumbers(),
        foldGutter(),
        codeFolding({ placeholderText: '…' }),
        lintGutter(),
        highlightActiveLineGutter(),
        // Hostile XML may hold characters that turn the order of what follows: they are shown as what they are.
        highlightSpecialChars(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of('  '),
        options.readOnly ? [] : bracketMatching(),
        EditorState.phrases.of(phrases),
        highlightSelectionMatches(),
        search({ top: true }),
        keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...foldKeymap, ...lintKeymap]),
        EditorView.contentAttributes.of({
          'aria-label': options.label,
          tabindex: '0',
          ...(options.readOnly && { 'aria-readonly': 'true' }),
        }),
        codeBase(options.language),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !putting) onChange(update.state.sliceDoc());
        }),
      ],
    });
  const view = new EditorView({ parent, state: stateOf(options.value) });

  const put = (work: () => void) => {
    putting = true;
    try {
      work();
    } finally {
      putting = false;
    }
  };
  return {
    setValue(text) {
      const now = view.state.sliceDoc();
      if (text === now) return;
      if (lineEndOf(text) !== lineEnd) {
        lineEnd = lineEndOf(text);
        put(() => view.setState(stateOf(text)));
        return;
      }
      // In the document's own positions a line end counts as one.
      const plain = (whole: string) => (lineEnd === '\r\n' ? whole.replaceAll('\r\n', '\n') : whole);
      const { from, to, insert } = replacement(plain(now), plain(text));
      put(() =>
        view.dispatch({ changes: { from, to, insert: view.state.toText(insert.replaceAll('\n', lineEnd)) } }),
      );
    },
    setProblems(problems) {
      const { doc } = view.state;
      const marks = problems.map((problem): Diagnostic => {
        const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
        const lead = /^\s*/.exec(line.text)?.[0].length ?? 0;
        return {
          from: Math.min(line.from + lead, line.to),
          to: line.to,
          severity: problem.severity,
          message: problem.message,
        };
      });
      view.dispatch(setDiagnostics(view.state, marks));
    },
    goToLine(line) {
      const { doc } = view.state;
      const at = doc.line(Math.min(Math.max(line, 1), doc.lines)).from;
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}
