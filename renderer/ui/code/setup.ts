import { xml } from '@codemirror/lang-xml';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { CodeLanguage } from './model.ts';

/** Colours are the tokens', so a change of the theme is the tokens' affair alone. */
const look = EditorView.theme({
  '&': { height: '100%', maxHeight: 'inherit', color: 'var(--term-fg)', backgroundColor: 'var(--term-bg)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-scroller': { font: 'var(--size-small) / 18px var(--mono)', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--text)', padding: '4px 0', cursor: 'text' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--term-selection)',
  },
  '.cm-gutters': {
    backgroundColor: 'var(--bg-side)',
    color: 'var(--text-2)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--bg-hover)', color: 'var(--text)' },
  '.cm-foldPlaceholder': {
    backgroundColor: 'var(--bg-hover)',
    border: '1px solid var(--line)',
    color: 'var(--text-2)',
    padding: '0 4px',
  },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--bg-selected)',
    color: 'inherit',
  },
  '.cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': { color: 'var(--failed)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--bg-selected)' },
  '.cm-searchMatch': { backgroundColor: 'var(--waiting-bg)', outline: '1px solid var(--waiting)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--term-selection)' },
  '.cm-specialChar': { color: 'var(--failed)' },
  '.cm-panels': { backgroundColor: 'var(--bg-side)', color: 'var(--text)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '6px 32px 6px 8px', font: 'var(--size-small) / 18px var(--font)' },
  '.cm-panel.cm-search label': { fontSize: 'var(--size-small)', margin: '0 8px 0 0' },
  '.cm-panel.cm-search [name=close]': {
    width: '24px',
    height: '24px',
    top: '6px',
    right: '6px',
    fontSize: '16px',
  },
  '.cm-textfield': {
    height: '24px',
    padding: '0 8px',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius)',
    backgroundColor: 'var(--bg-field)',
    fontSize: 'var(--size-small)',
  },
  '.cm-button': {
    height: '24px',
    padding: '0 8px',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--radius)',
    backgroundImage: 'none',
    backgroundColor: 'var(--bg)',
    fontSize: 'var(--size-small)',
  },
  '.cm-button:hover': { backgroundColor: 'var(--bg-hover)' },
  '.cm-button:active': { backgroundImage: 'none', backgroundColor: 'var(--bg-selected)' },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: '4px',
    backgroundColor: 'var(--bg-pop)',
    boxShadow: 'var(--shadow)',
    font: 'var(--size-small) / 16px var(--font)',
    maxWidth: '420px',
  },
  '.cm-diagnostic': { padding: '4px 8px', whiteSpace: 'pre-wrap' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--failed)' },
  '.cm-diagnostic-warning': { borderLeft: '3px solid var(--waiting)' },
  '.cm-diagnostic-info': { borderLeft: '3px solid var(--accent)' },
  '.cm-lintRange-error, .cm-lintRange-warning, .cm-lintRange-info': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy',
    textDecorationSkipInk: 'none',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-error': { textDecorationColor: 'var(--failed)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--waiting)' },
  '.cm-lintRange-info': { textDecorationColor: 'var(--accent)' },
  '.cm-gutter-lint': { width: '16px' },
  '.cm-lint-marker': { width: '10px', height: '10px', margin: '4px 3px', content: '""', borderRadius: '50%' },
  '.cm-lint-marker-error': { backgroundColor: 'var(--failed)', borderRadius: '2px' },
  '.cm-lint-marker-warning': { backgroundColor: 'var(--waiting)' },
  '.cm-lint-marker-info': { backgroundColor: 'var(--accent)' },
  '.cm-panel.cm-panel-lint ul [aria-selected]': { backgroundColor: 'var(--bg-selected)' },
  '.cm-changedLine': { backgroundColor: 'color-mix(in srgb, var(--running) 11%, transparent) !important' },
  '.cm-changedLineGutter, .cm-changedLine .cm-changeGutter': { background: 'var(--running)' },
  '.cm-changedText': { background: 'color-mix(in srgb, var(--running) 26%, transparent) !important' },
  '.cm-deletedChunk': {
    backgroundColor: 'color-mix(in srgb, var(--failed) 9%, transparent)',
  },
  '.cm-deletedChunk .cm-deletedText': { background: 'color-mix(in srgb, var(--failed) 26%, transparent)' },
  '.cm-deletedLineGutter': { background: 'var(--failed)' },
  // Its own signs are in few fonts.
  '.cm-collapsedLines::before, .cm-collapsedLines::after': { content: '"…"' },
  '.cm-collapsedLines': {
    background: 'var(--bg-side)',
    color: 'var(--text-2)',
    padding: '2px 8px',
    font: 'var(--size-small) / 18px var(--font)',
  },
});

const colours = HighlightStyle.define([
  { tag: [tags.tagName, tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--term-cyan)' },
  { tag: tags.attributeName, color: 'var(--term-magenta)' },
  { tag: [tags.attributeValue, tags.string], color: 'var(--term-green)' },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'var(--term-blue)' },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: 'var(--text-2)', fontStyle: 'italic' },
  {
    tag: [tags.character, tags.processingInstruction, tags.documentMeta, tags.labelName],
    color: 'var(--term-yellow)',
  },
  {
    tag: [tags.angleBracket, tags.punctuation, tags.separator, tags.squareBracket, tags.brace],
    color: 'var(--text-2)',
  },
  { tag: tags.invalid, color: 'var(--failed)' },
]);

const languages: Readonly<Record<CodeLanguage, () => Extension>> = { xml: () => xml(), yaml: () => yaml() };

/** What an editor and a comparison have in common: the language, its colours, and the tokens' look. */
export const codeBase = (language: CodeLanguage): Extension => [
  languages[language](),
  syntaxHighlighting(colours),
  look,
];
