import { ChevronDown, ChevronUp, SquareTerminal, X } from 'lucide-react';
import { type KeyboardEvent, useEffect, useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import type { Terminal } from '../../../shared/model/terminal.ts';
import { call } from '../../bridge/call.ts';
import { allows } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { useGuests } from '../../stores/guests.ts';
import { useTerminals } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Splitter } from '../../ui/Splitter.tsx';
import { dockTabTestId, testIds } from '../../ui/testids.ts';
import css from './consoles.module.css';
import { TerminalView } from './TerminalView.tsx';

const least = 120;

/** Consoles in tabs below everything else; it stays while one moves about. Absent while there is no console. */
export function Dock() {
  const terminals = useTerminals((state) => state.all);
  const { activeTerminal, dockOpen, dockHeight, set } = useUi();
  const [focus, setFocus] = useState(0);
  const active = terminals.find((terminal) => terminal.id === activeTerminal) ?? terminals.at(-1);
  // What was opened on purpose takes the focus; a console that is there after a reload does not.
  useEffect(() => {
    if (activeTerminal !== null && dockOpen) setFocus((count) => count + 1);
  }, [activeTerminal, dockOpen]);
  if (!active) return null;

  const close = (terminal: Terminal) => {
    const index = terminals.indexOf(terminal);
    const next = terminals[index + 1] ?? terminals[index - 1];
    if (terminal === active) set({ activeTerminal: next?.id ?? null });
    void call('terminals.close', { id: terminal.id }).catch(tellError);
  };
  const onTabKey = (event: KeyboardEvent, index: number) => {
    const to =
      event.key === 'ArrowRight'
        ? index + 1
        : event.key === 'ArrowLeft'
          ? index - 1
          : event.key === 'Home'
            ? 0
            : event.key === 'End'
              ? terminals.length - 1
              : null;
    if (event.key === 'Delete') {
      const terminal = terminals[index];
      if (terminal) close(terminal);
    } else if (to !== null) {
      const terminal = terminals[(to + terminals.length) % terminals.length];
      if (terminal) document.getElementById(`tab-${terminal.id}`)?.focus();
    } else return;
    event.preventDefault();
  };
  const top = Math.max(least, window.innerHeight - 260);

  return (
    <section
      className={css.dock}
      style={dockOpen ? { height: Math.min(dockHeight, top) } : undefined}
      aria-label="Consoles"
      data-testid={testIds.dock}
      data-pane="dock"
    >
      {dockOpen && (
        <Splitter
          label="Height of the consoles"
          direction="horizontal"
          size={dockHeight}
          min={least}
          max={top}
          onChange={(height) => set({ dockHeight: height })}
        />
      )}
      <div className={css.bar}>
        <div role="tablist" aria-label="Consoles" className={css.tabs}>
          {terminals.map((terminal, index) => (
            <button
              key={terminal.id}
              id={`tab-${terminal.id}`}
              type="button"
              role="tab"
              aria-selected={terminal === active}
              aria-controls={dockOpen ? `panel-${terminal.id}` : undefined}
              aria-keyshortcuts="Delete"
              tabIndex={terminal === active ? 0 : -1}
              title={terminal.reason ? `${terminal.title}: ${terminal.reason}` : terminal.title}
              className={css.tab}
              data-testid={dockTabTestId(terminal.title)}
              onClick={() => {
                set({ activeTerminal: terminal.id, dockOpen: true });
                setFocus((count) => count + 1);
              }}
              onAuxClick={(event) => event.button === 1 && close(terminal)}
              onKeyDown={(event) => onTabKey(event, index)}
            >
              <SquareTerminal size={14} aria-hidden="true" />
              <span>
                {terminal.title}
                {terminal.status !== 'open' && ` (${terminal.status === 'waiting' ? 'waiting' : 'ended'})`}
              </span>
              {/* For the mouse; with the keyboard Delete closes. */}
              <span
                className={css.close}
                aria-hidden="true"
                onClick={(event) => {
                  event.stopPropagation();
                  close(terminal);
                }}
              >
                <X size={14} />
              </span>
            </button>
          ))}
        </div>
        <div className={css.tools}>
          <IconButton
            size="small"
            icon={dockOpen ? <ChevronDown size={16} /> : <ChevronUp size={16} />}
            label={dockOpen ? 'Collapse the consoles (Ctrl+J)' : 'Show the consoles (Ctrl+J)'}
            onPress={() => set({ dockOpen: !dockOpen })}
          />
        </div>
      </div>
      <div className={css.panels} hidden={!dockOpen}>
        {terminals.map((terminal) => (
          <TerminalView
            key={terminal.id}
            terminal={terminal}
            active={terminal === active && dockOpen}
            focus={focus}
          />
        ))}
      </div>
      {dockOpen && <Status terminal={active} />}
    </section>
  );
}

/** What the console waits for or why it ended, and the next step. */
function Status({ terminal }: { terminal: Terminal }) {
  const guest = useGuests((state) => (terminal.subject === null ? undefined : state.byId[terminal.subject]));
  const line = statusLine(terminal, guest);
  if (!line) return null;
  return (
    <div className={css.status} role="status" data-testid={testIds.dockStatus}>
      <span title={line}>{line}</span>
      {guest && allows(guest.state, 'start') && (
        <Button size="small" onPress={() => runGuestAction('start', [guest])}>
          {guest.state === 'saved' ? 'Resume' : 'Start'}
        </Button>
      )}
      {guest && allows(guest.state, 'resume') && (
        <Button size="small" onPress={() => runGuestAction('resume', [guest])}>
          Resume
        </Button>
      )}
    </div>
  );
}

/** One sentence, or null while the console simply works. */
export function statusLine(terminal: Terminal, guest: Guest | undefined): string | null {
  const reason = terminal.reason ? `: ${terminal.reason}` : '';
  if (guest?.state === 'paused') return `${guest.name} is paused. It answers nothing until it goes on.`;
  if (terminal.status === 'waiting') return `Waiting${reason}`;
  if (terminal.status === 'ended')
    return `Ended${reason || (terminal.exitCode === null ? '' : `, exit code ${terminal.exitCode}`)}`;
  return null;
}
