import { type ClipboardEvent, type ReactNode, useState } from 'react';
import { useDock } from '../../stores/dock.ts';
import { Confirm } from '../../ui/Dialog.tsx';
import { counted } from '../../ui/format.ts';
import css from './consoles.module.css';
import { asksFirst, pasteInto } from './typing.ts';
import type { Xterm } from './xterm-setup.ts';

/** Pasting into a console and its group, with the question before it where lines would run. */
export function usePaste(
  terminal: string,
  xterm: Xterm | null,
): { readonly onPaste: (event: ClipboardEvent) => void; readonly question: ReactNode } {
  const [asked, setAsked] = useState<string | null>(null);
  const group = useDock((state) => state.group);
  const grouped = group.has(terminal) && group.size > 1;
  const onPaste = (event: ClipboardEvent) => {
    const text = event.clipboardData.getData('text/plain');
    if (!xterm || text === '') return;
    const asks = asksFirst(text, xterm.term.modes.bracketedPasteMode, grouped);
    // xterm's own paste would encode it for this console alone.
    if (!asks && !grouped) return;
    event.preventDefault();
    event.stopPropagation();
    if (asks) setAsked(text);
    else pasteInto(terminal, text, group);
  };
  const question = asked !== null && (
    <Confirm
      title={`Paste ${counted(asked.trimEnd().split(/\r\n|\r|\n/).length, 'line')}${grouped ? ` into ${group.size} consoles` : ''}?`}
      act="Paste"
      dangerous={false}
      onClose={() => setAsked(null)}
      onAct={() => {
        pasteInto(terminal, asked, group);
        setAsked(null);
        xterm?.term.focus();
      }}
    >
      <p>A shell runs each line as soon as it arrives.</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard */}
      <pre className={`${css.pasted} selectable`} tabIndex={0}>
        {asked}
      </pre>
    </Confirm>
  );
  return { onPaste, question };
}
