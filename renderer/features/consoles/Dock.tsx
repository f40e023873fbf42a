import { Bell, Monitor, SquareTerminal, Terminal as TerminalIcon, X } from 'lucide-react';
import { type KeyboardEvent, useEffect, useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { type Console, useConsoles } from '../../stores/consoles.ts';
import { activeTab, closeConsole, focusBeside, moveLine, useDock } from '../../stores/dock.ts';
import { type DockTab, type Line, layOut, terminalsOf } from '../../stores/dock-layout.ts';
import { allows } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { useGuests } from '../../stores/guests.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { Splitter } from '../../ui/Splitter.tsx';
import { dockTabTestId, testIds } from '../../ui/testids.ts';
import css from './consoles.module.css';
import { DockTools, saveScrollback, splitSame, toggleTypeToAll } from './DockTools.tsx';
import { ScreenPanel } from './screen/ScreenPanel.tsx';
import { TerminalView } from './TerminalView.tsx';

const least = 120;

/** Consoles in tabs below everything else; it stays while one moves about. Absent while there is no console. */
export function Dock() {
  const consoles = useConsoles((state) => state.all);
  const byId = useConsoles((state) => state.byId);
  const tabs = useDock((state) => state.tabs);
  const { activeTerminal, dockOpen, dockHeight, set } = useUi();
  const [focus, setFocus] = useState(0);
  const [panels, size] = useSize();
  const tab = activeTab(tabs, activeTerminal);
  const active = tab && byId[tab.last];
  // What was opened on purpose takes the focus; a console that is there after a reload does not.
  useEffect(() => {
    if (activeTerminal !== null && dockOpen) setFocus((count) => count + 1);
  }, [activeTerminal, dockOpen]);
  if (!tab || !active) return null;

  const layout = layOut(tab.root);
  const closeTab = (closed: DockTab) => {
    const index = tabs.indexOf(closed);
    const next = tabs[index + 1] ?? tabs[index - 1];
    if (closed === tab) set({ activeTerminal: next?.last ?? null });
    for (const id of terminalsOf(closed.root)) closeConsole(id);
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
              ? tabs.length - 1
              : null;
    if (event.ctrlKey) return;
    if (event.key === 'Delete') {
      const one = tabs[index];
      if (one) closeTab(one);
    } else if (to !== null) {
      const one = tabs[(to + tabs.length) % tabs.length];
      if (one) document.getElementById(`tab-${one.id}`)?.focus();
    } else return;
    event.preventDefault();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.defaultPrevented) return;
    const key = event.key.toUpperCase();
    if (arrows[event.key] && 'split' in tab.root) focusBeside(arrows[event.key]!);
    else if (key === 'E' || key === 'O') splitSame(active, key === 'E' ? 'row' : 'column');
    else if (key === 'A') toggleTypeToAll(tab);
    else if (key === 'S') void saveScrollback(active).catch(tellError);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const top = Math.max(least, window.innerHeight - 260);

  return (
    <section
      className={css.dock}
      style={dockOpen ? { height: Math.min(dockHeight, top) } : undefined}
      aria-label="Consoles"
      data-testid={testIds.dock}
      data-pane="dock"
      onKeyDown={onKeyDown}
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
          {tabs.map((one, index) => (
            <TabButton
              key={one.id}
              tab={one}
              selected={one === tab}
              open={dockOpen}
              onSelect={() => {
                set({ activeTerminal: one.last, dockOpen: true });
                setFocus((count) => count + 1);
              }}
              onClose={() => closeTab(one)}
              onKeyDown={(event) => onTabKey(event, index)}
            />
          ))}
        </div>
        <DockTools tab={tab} active={active} />
      </div>
      <div
        ref={panels}
        className={css.panels}
        hidden={!dockOpen}
        role="tabpanel"
        id="dock-panel"
        aria-labelledby={`tab-${tab.id}`}
      >
        {consoles.map((one) => {
          const place = {
            rect: dockOpen ? (layout.panes.get(one.id) ?? null) : null,
            front: one === active,
            framed: layout.panes.size > 1,
            focus,
          };
          return one.kind === 'screen' ? (
            <ScreenPanel key={one.id} screen={one} {...place} />
          ) : (
            <TerminalView key={one.id} terminal={one} {...place} />
          );
        })}
        {dockOpen &&
          layout.lines.map((line) => <SplitLine key={line.path} tab={tab.id} line={line} size={size} />)}
      </div>
      {dockOpen && active.kind !== 'screen' && <Status terminal={active} />}
    </section>
  );
}

const arrows: Readonly<Record<string, 'left' | 'right' | 'up' | 'down'>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};

/** The width and height of an element, in pixels. */
function useSize() {
  const [element, setElement] = useState<HTMLDivElement | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, size] as const;
}

function SplitLine({
  tab,
  line,
  size,
}: {
  tab: string;
  line: Line;
  size: { width: number; height: number };
}) {
  const { rect, ratio, split, path } = line;
  const row = split === 'row';
  const total = Math.max(1, Math.round(row ? rect.width * size.width : rect.height * size.height));
  const percent = (part: number) => `${part * 100}%`;
  return (
    <div
      className={css.splitLine}
      style={
        row
          ? {
              left: percent(rect.left + rect.width * ratio),
              top: percent(rect.top),
              height: percent(rect.height),
            }
          : {
              left: percent(rect.left),
              top: percent(rect.top + rect.height * ratio),
              width: percent(rect.width),
              flexDirection: 'column',
            }
      }
    >
      <Splitter
        label={row ? 'Width of the consoles' : 'Height of the consoles beside'}
        direction={row ? 'vertical' : 'horizontal'}
        size={Math.round(total * (1 - ratio))}
        min={Math.round(total * 0.1)}
        max={Math.round(total * 0.9)}
        onChange={(pixels) => moveLine(tab, path, 1 - pixels / total)}
      />
    </div>
  );
}

function TabButton({
  tab,
  selected,
  open,
  onSelect,
  onClose,
  onKeyDown,
}: {
  tab: DockTab;
  selected: boolean;
  open: boolean;
  onSelect: () => void;
  onClose: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
}) {
  const byId = useConsoles((state) => state.byId);
  const ids = terminalsOf(tab.root);
  const inside = ids.flatMap((id) => byId[id] ?? []);
  const rings = useDock((state) => ids.some((id) => state.bells.has(id)));
  const typed = useDock((state) => ids.some((id) => state.group.has(id)));
  const first = inside[0];
  if (!first) return null;
  const only = inside.length === 1 ? first : null;
  const title = inside.map((terminal) => terminal.title).join(' + ');
  const suffix = only?.kind === 'ssh' || only?.kind === 'screen' ? only.kind : null;
  return (
    <button
      id={`tab-${tab.id}`}
      type="button"
      role="tab"
      aria-selected={selected}
      aria-controls={open ? 'dock-panel' : undefined}
      aria-keyshortcuts="Delete"
      tabIndex={selected ? 0 : -1}
      title={only?.reason ? `${title}: ${only.reason}` : title}
      className={cx(css.tab, typed && css.typedTab)}
      data-testid={dockTabTestId(suffix ? `${title} ${suffix}` : title)}
      onClick={onSelect}
      onAuxClick={(event) => event.button === 1 && onClose()}
      onKeyDown={onKeyDown}
    >
      {rings ? (
        <Bell size={14} role="img" aria-label="It rang" className={css.bell} />
      ) : only?.kind === 'ssh' ? (
        <TerminalIcon size={14} aria-hidden="true" />
      ) : only?.kind === 'screen' ? (
        <Monitor size={14} aria-hidden="true" />
      ) : (
        <SquareTerminal size={14} aria-hidden="true" />
      )}
      <span>
        {title}
        {suffix && <small> {suffix}</small>}
        {only &&
          only.kind !== 'screen' &&
          only.status !== 'open' &&
          ` (${only.status === 'waiting' ? waitingWord(only) : 'ended'})`}
      </span>
      {/* For the mouse; with the keyboard Delete closes. */}
      <span
        className={css.close}
        aria-hidden="true"
        onClick={(event) => {
          event.stopPropagation();
          onClose();
        }}
      >
        <X size={14} />
      </span>
    </button>
  );
}

/** "waiting, 4 s": what waits with a count shows it in the tab. */
const waitingWord = ({ reason }: Console) => {
  const seconds = /(\d+ s)$/.exec(reason ?? '')?.[1];
  return seconds ? `waiting, ${seconds}` : 'waiting';
};

/** What the console waits for or why it ended, and the next step. */
function Status({ terminal }: { terminal: Console }) {
  const guest = useGuests((state) => (terminal.subject === null ? undefined : state.byId[terminal.subject]));
  const line = statusLine(terminal, guest);
  if (!line) return null;
  return (
    <div className={css.status} role="status" data-testid={testIds.dockStatus}>
      <span title={line} className={terminal.error ? css.whole : undefined}>
        {line}
      </span>
      {terminal.kind === 'ssh' && terminal.status === 'ended' && terminal.subject && (
        <>
          {terminal.error === 'host-key-changed' && (
            <Button
              size="small"
              onPress={() => useUi.getState().open({ kind: 'forget-host-key', id: terminal.subject! })}
            >
              Forget the old key…
            </Button>
          )}
          {terminal.error === 'auth-failed' && (
            <Button
              size="small"
              onPress={() =>
                useUi.getState().open({ kind: 'copy-key', key: null, targets: [terminal.subject!] })
              }
            >
              Copy a key to it…
            </Button>
          )}
          <Button
            size="small"
            look={terminal.error === 'host-key-changed' ? 'plain' : 'primary'}
            onPress={() => void call('terminals.again', { id: terminal.id }).catch(tellError)}
          >
            Connect again
          </Button>
        </>
      )}
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
export function statusLine(terminal: Console, guest: Guest | undefined): string | null {
  const reason = terminal.reason ? `: ${terminal.reason}` : '';
  if (guest?.state === 'paused') return `${guest.name} is paused. It answers nothing until it goes on.`;
  if (terminal.status === 'waiting')
    return terminal.reason?.startsWith('Waiting') ? terminal.reason : `Waiting${reason}`;
  if (terminal.status === 'ended')
    return `Ended${reason || (terminal.exitCode === null ? '' : `, exit code ${terminal.exitCode}`)}`;
  return null;
}
