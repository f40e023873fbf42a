import '@xterm/xterm/css/xterm.css';
import { ChevronDown, ChevronUp, Keyboard, SquareArrowOutUpRight, X } from 'lucide-react';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { isCancelled } from '../../../shared/errors.ts';
import type { Terminal, TerminalToView } from '../../../shared/model/terminal.ts';
import { shell } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { openPort } from '../../bridge/port.ts';
import { useConnection } from '../../stores/connection.ts';
import { activeTab, closeConsole, ownTab, ring, useDock } from '../../stores/dock.ts';
import type { Rect } from '../../stores/dock-layout.ts';
import { useGuests } from '../../stores/guests.ts';
import { useSettings } from '../../stores/settings.ts';
import { useTerminals } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './consoles.module.css';
import { usePaste } from './paste.tsx';
import { joinScreens } from './screens.ts';
import { TerminalLink } from './terminal-link.ts';
import { joinTyping, typeInto } from './typing.ts';
import { UploadDialog, useDrop } from './upload.tsx';
import { drawWithGpu, makeXterm, matchColours, themeFromTokens, type Xterm } from './xterm-setup.ts';

/** Keys that are the window's even while a console has the focus. */
export function isWindowKey(event: KeyboardEvent): boolean {
  if (event.key === 'F6') return true;
  if (event.ctrlKey && event.shiftKey) {
    if (event.key.startsWith('Arrow')) {
      const tab = activeTab(useDock.getState().tabs, useUi.getState().activeTerminal);
      return tab !== undefined && 'split' in tab.root;
    }
    return ['C', 'V', 'F', 'P', 'J', 'E', 'O', 'A', 'S'].includes(event.key.toUpperCase());
  }
  return event.ctrlKey && !event.altKey && ['=', '+', '-', '0'].includes(event.key);
}

const statusWord = ({ status, reason }: Terminal) => reason ?? (status === 'waiting' ? 'Waiting' : 'Ended');

/** One console. Its xterm lives as long as its tab; the far end keeps the session and the history. */
export function TerminalView({
  terminal,
  rect,
  front,
  framed,
  focus,
}: {
  terminal: Terminal;
  /** Where it lies in the dock; null: not in the tab that is shown. */
  rect: Rect | null;
  /** Has, or had last, the keyboard. */
  front: boolean;
  /** There are others beside it: it says whose it is. */
  framed: boolean;
  /** Grows when the focus shall come here. */
  focus: number;
}) {
  const active = rect !== null;
  const typed = useDock((state) => state.group.has(terminal.id));
  const groupSize = useDock((state) => state.group.size);
  const box = useRef<HTMLDivElement>(null);
  const [xterm, setXterm] = useState<Xterm | null>(null);
  const [searching, setSearching] = useState(false);
  const searchField = useRef<HTMLInputElement>(null);
  const [silent, setSilent] = useState(true);
  const [link, setLink] = useState<string | null>(null);
  const fontSize = useSettings((state) => state.settings.consoleFontSize);
  const epoch = useConnection((state) => state.epoch);
  const seen = useRef(false);
  // One that is typed into with others must be joined, also when it was never shown.
  if (active || typed) seen.current = true;
  const wanted = seen.current;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the font size is followed below; xterm is made once
  useEffect(() => {
    if (!wanted || !box.current) return;
    const made = makeXterm(fontSize, setLink);
    made.term.open(box.current);
    const openSearch = () => {
      setSearching(true);
      // Open already, it gets the keyboard again.
      searchField.current?.focus();
    };
    made.term.attachCustomKeyEventHandler((event) => {
      if (!isWindowKey(event)) return true;
      if (event.type === 'keydown' && event.ctrlKey && event.shiftKey) {
        if (event.key.toUpperCase() === 'C') {
          const text = made.term.getSelection();
          if (text) void writeClipboard(text).catch(tellError);
          event.preventDefault();
        } else if (event.key.toUpperCase() === 'F') {
          openSearch();
          event.preventDefault();
        }
      }
      return false;
    });
    void drawWithGpu(made.term);
    setXterm(made);
    const leave = joinScreens(terminal.id, {
      term: made.term,
      search: openSearch,
      searchField: () => searchField.current,
    });
    const bell = made.term.onBell(() => {
      if (made.term.element?.offsetParent === null || !document.hasFocus()) ring(terminal.id);
    });
    return () => {
      leave();
      bell.dispose();
      setXterm(null);
      made.term.dispose();
    };
  }, [wanted]);

  useEffect(() => {
    if (!xterm || epoch === 0) return;
    const stop = new AbortController();
    const { term } = xterm;
    let port: MessagePort | null = null;
    const offs: { dispose(): void }[] = [];
    openPort('terminal', terminal.id, stop.signal).then(
      (opened) => {
        port = opened;
        term.reset();
        const joined = new TerminalLink(
          term,
          { postMessage: (message) => opened.postMessage(message) },
          useTerminals.getState().put,
          () => setSilent(false),
        );
        opened.onmessage = (event: MessageEvent<TerminalToView>) => joined.receive(event.data);
        let key = '';
        let pasting = false;
        const paste = (text: string) => {
          pasting = true;
          term.paste(text);
          pasting = false;
        };
        offs.push(
          { dispose: joinTyping(terminal.id, { type: (text) => joined.input(text), paste }) },
          // A key is told just before what it types.
          term.onKey((event) => {
            key = event.key;
          }),
          term.onData((text) => {
            if (pasting) joined.input(text);
            else typeInto(terminal.id, text, useDock.getState().group, text === key);
            key = '';
          }),
          term.onResize(({ cols, rows }) => joined.resize(cols, rows)),
        );
        joined.resize(term.cols, term.rows);
      },
      (error) => !isCancelled(error) && tellError(error),
    );
    return () => {
      stop.abort();
      for (const off of offs) off.dispose();
      port?.close();
    };
  }, [xterm, terminal.id, epoch]);

  useEffect(() => {
    if (!xterm || !active || !box.current) return;
    const refit = () => xterm.fit.fit();
    refit();
    const observer = new ResizeObserver(refit);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, [xterm, active]);

  useEffect(() => {
    if (!xterm) return;
    xterm.term.options.fontSize = fontSize;
    if (active) xterm.fit.fit();
  }, [xterm, fontSize, active]);

  // The theme in force stands on <html>; consoles follow it.
  useEffect(() => {
    if (!xterm) return;
    const follow = () => {
      xterm.term.options.theme = themeFromTokens();
    };
    follow();
    const observer = new MutationObserver(follow);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => observer.disconnect();
  }, [xterm]);

  useEffect(() => {
    if (front && active && focus > 0) xterm?.term.focus();
  }, [xterm, active, front, focus]);

  const drop = useDrop(terminal.subject !== null && terminal.kind !== 'exec');
  const pasting = usePaste(terminal.id, xterm);

  return (
    // biome-ignore lint/a11y/useSemanticElements: no fieldset; and two consoles of one host are no landmarks
    <div
      role="group"
      className={cx(css.panel, typed && css.typed)}
      style={
        rect
          ? {
              left: `${rect.left * 100}%`,
              top: `${rect.top * 100}%`,
              width: `${rect.width * 100}%`,
              height: `${rect.height * 100}%`,
            }
          : undefined
      }
      hidden={!active}
      aria-label={terminal.title}
      data-terminal={terminal.title}
      data-front={front ? '' : undefined}
      data-dropping={drop.over ? '' : undefined}
      onPasteCapture={pasting.onPaste}
      onFocusCapture={() => {
        if (useUi.getState().activeTerminal !== terminal.id)
          useUi.getState().set({ activeTerminal: terminal.id });
      }}
      {...drop.handlers}
    >
      {(framed || typed) && (
        <div className={css.paneHead}>
          <span className={css.paneTitle}>{terminal.title}</span>
          {typed && (
            <span className={css.typedWord}>
              <Keyboard size={12} aria-hidden="true" />
              Typing to all {groupSize}
            </span>
          )}
          {terminal.status !== 'open' && <span className={css.paneStatus}>{statusWord(terminal)}</span>}
          {framed && (
            <>
              <IconButton
                size="small"
                icon={<SquareArrowOutUpRight size={12} />}
                label="Give it a tab of its own"
                onPress={() => ownTab(terminal.id)}
              />
              <IconButton
                size="small"
                icon={<X size={12} />}
                label={`Close ${terminal.title}`}
                onPress={() => closeConsole(terminal.id)}
              />
            </>
          )}
        </div>
      )}
      <div ref={box} className={css.screen} data-testid={active && front ? testIds.terminal : undefined} />
      {silent && <Silent terminal={terminal} />}
      {drop.over && <div className={css.dropHere}>Drop to copy it to {terminal.title}</div>}
      {drop.files && <UploadDialog terminal={terminal} files={drop.files} onClose={drop.done} />}
      {searching && xterm && (
        <SearchBar
          xterm={xterm}
          field={searchField}
          onClose={() => {
            setSearching(false);
            xterm.search.clearDecorations();
            xterm.term.focus();
          }}
        />
      )}
      {link && <LinkDialog address={link} onClose={() => setLink(null)} />}
      {pasting.question}
    </div>
  );
}

/** What an empty console is empty for. */
function Silent({ terminal }: { terminal: Terminal }) {
  const guest = useGuests((state) => (terminal.subject === null ? undefined : state.byId[terminal.subject]));
  if (terminal.kind !== 'serial' || !guest) return null;
  const live = ['starting', 'restoring', 'running'].includes(guest.state);
  if (!live) return null;
  return (
    <p className={css.silent}>
      {guest.state === 'running'
        ? `${guest.name} is starting. Its first words come in a few seconds, if its system writes to a serial port.`
        : `${guest.name} is starting…`}
    </p>
  );
}

function LinkDialog({ address, onClose }: { address: string; onClose: () => void }) {
  const secure = address.startsWith('https://');
  const open = () => {
    onClose();
    void shell('shell.openExternal', { url: address }).catch(tellError);
  };
  return (
    <Dialog
      title="Open this address in the browser?"
      onClose={onClose}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button onPress={() => void writeClipboard(address).then(onClose)}>Copy</Button>
          {secure && (
            <Button look="primary" onPress={open} autoFocus>
              Open
            </Button>
          )}
        </>
      }
    >
      <p className="mono selectable" style={{ overflowWrap: 'anywhere' }}>
        {address}
      </p>
      <p className="muted">
        {secure
          ? 'A program in the console printed it.'
          : 'It is not https. Guesthouse does not open it by itself; copy it if you trust it.'}
      </p>
    </Dialog>
  );
}

function SearchBar({
  xterm,
  field,
  onClose,
}: {
  xterm: Xterm;
  field: RefObject<HTMLInputElement | null>;
  onClose: () => void;
}) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<{ index: number; count: number } | null>(null);
  useEffect(() => {
    const off = xterm.search.onDidChangeResults(({ resultIndex, resultCount }) =>
      setFound({ index: resultIndex, count: resultCount }),
    );
    return () => off.dispose();
  }, [xterm]);
  const find = (query: string, back = false, incremental = false) => {
    const options = { decorations: matchColours() };
    if (!query) {
      xterm.search.clearDecorations();
      setFound(null);
    } else if (back) xterm.search.findPrevious(query, options);
    else xterm.search.findNext(query, { ...options, incremental });
  };
  return (
    <search className={css.search}>
      <input
        ref={field}
        // biome-ignore lint/a11y/noAutofocus: the person asked to search
        autoFocus
        aria-label="Search in this console"
        placeholder="Search"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          find(event.target.value, false, true);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') find(text, event.shiftKey);
          else if (event.key === 'Escape') onClose();
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <span aria-live="polite">
        {text && found ? (found.count === 0 ? 'Not found' : `${found.index + 1} of ${found.count}`) : ''}
      </span>
      <IconButton
        size="small"
        icon={<ChevronUp size={14} />}
        label="Previous match"
        onPress={() => find(text, true)}
      />
      <IconButton
        size="small"
        icon={<ChevronDown size={14} />}
        label="Next match"
        onPress={() => find(text)}
      />
      <IconButton size="small" icon={<X size={14} />} label="Close the search" onPress={onClose} />
    </search>
  );
}
