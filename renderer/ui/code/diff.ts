import { unifiedMergeView } from '@codemirror/merge';
import { EditorState } from '@codemirror/state';
import { EditorView, highlightSpecialChars, lineNumbers } from '@codemirror/view';
import type { CodeLanguage } from './model.ts';
import { codeBase } from './setup.ts';

/** Puts the comparison of two texts into `parent`. Returns how to take it away. */
export function openDiff(
  parent: HTMLElement,
  {
    before,
    after,
    language,
    label,
  }: { before: string; after: string; language: CodeLanguage; label: string },
): () => void {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: after,
      extensions: [
        // Split at any line end: a change of the ends alone shows as no change of the lines.
        EditorState.readOnly.of(true),
        lineNumbers(),
        highlightSpecialChars(),
        EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': 'true', tabindex: '0' }),
        EditorView.lineWrapping,
        codeBase(language),
        unifiedMergeView({
          original: before,
          mergeControls: false,
          collapseUnchanged: { margin: 2, minSize: 4 },
          diffConfig: { scanLimit: 2000, timeout: 500 },
        }),
      ],
    }),
  });
  return () => view.destroy();
}
