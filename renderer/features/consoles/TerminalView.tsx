import '@xterm/xterm/css/xterm.css';
import { ChevronDown, ChevronUp, X } from 'lucide-react';
import { type ClipboardEvent, useEffect, useRef, useState } from 'react';
import { isCancelled } from '../../../shared/errors.ts';
import type { Terminal, TerminalToView } from '../../../shared/model/terminal.ts';
import { shell } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { openPort } from '../../bridge/port.ts';
import { useConnection } from '../../stores/connection.ts';
import { useSettings } from '../../stores/settings.ts';
import { useTerminals } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { counted } from '../../ui/format.ts';
import { testIds } from '../../ui/testids.ts';
import css from './consoles.module.css';
import { TerminalLink } from './terminal-link.ts';
import { drawWithGpu, makeXterm, themeFromTokens, type Xterm } from './xterm-setup.ts';

/** Keys that are the window's even while a console has the focus. */
export function isWindowKey(event: KeyboardEvent): boolean {
  if (event.key === 'F6') return true;
  if (event.ctrlKey && event.shiftKey) return ['C', 'V', 'F', 'P', 'J'].includes(event.key.toUpperCase());
  return event.ctrlKey && !event.altKey && ['=', '+', '-', '0'].includes(event.key);
}

/** One console. Its xterm lives as long as its tab; the far end keeps the session and the history. */
export function TerminalView({
  terminal,
  active,
  focus,
}: {
  terminal: Terminal;
  active: boolean;
  focus: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [xterm, setXterm] = useState<Xterm | null>(null);
  const [searching, setSearching] = useState(false);
  const [link, setLink] = useState<string | null>(null);
  const [paste, setPaste] = useState<string | null>(null);
  const fontSize = useSettings((state) => state.settings.consoleFontSize);
  const epoch = useConnection((state) => state.epoch);
  const seen = useRef(false);
  if (active) seen.current = true;
  const wanted = seen.current;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the font size is followed below; xterm is made once
  useEffect(() => {
    if (!wanted || !box.current) return;
    const made = makeXterm(fontSize, setLink);
    made.term.open(box.current);
    made.term.attachCustomKeyEventHandler((event) => {
      if (!isWindowKey(event)) return true;
      if (event.type === 'keydown' && event.ctrlKey && event.shiftKey) {
        if (event.key.toUpperCase() === 'C') {
          const text = made.term.getSelection();
          if (text) void writeClipboard(text).catch(tellError);
          event.preventDefault();
        } else if (event.key.toUpperCase() === 'F') {
          setSearching(true);
          event.preventDefault();
        }
      }
      return false;
    });
    void drawWithGpu(made.term);
    setXterm(made);
    return () => {
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
        );
        opened.onmessage = (event: MessageEvent<TerminalToView>) => joined.receive(event.data);
        offs.push(
          term.onData((text) => joined.input(text)),
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
    if (active && focus > 0) xterm?.term.focus();
  }, [xterm, active, focus]);

  const onPaste = (event: ClipboardEvent) => {
    const text = event.clipboardData.getData('text/plain');
    // A program that asked for bracketed paste tells pasted lines from typed ones; others run each line at once.
    if (!/[\r\n]./s.test(text) || xterm?.term.modes.bracketedPasteMode) return;
    event.preventDefault();
    event.stopPropagation();
    setPaste(text);
  };

  return (
    <div
      className={css.panel}
      hidden={!active}
      role="tabpanel"
      aria-label={terminal.title}
      id={`panel-${terminal.id}`}
      onPasteCapture={onPaste}
    >
      <div ref={box} className={css.screen} data-testid={active ? testIds.terminal : undefined} />
      {searching && xterm && (
        <SearchBar
          xterm={xterm}
          onClose={() => {
            setSearching(false);
            xterm.search.clearDecorations();
            xterm.term.focus();
          }}
        />
      )}
      {link && <LinkDialog address={link} onClose={() => setLink(null)} />}
      {paste !== null && (
        <Confirm
          title={`Paste ${counted(paste.trimEnd().split(/\r\n|\r|\n/).length, 'line')}?`}
          act="Paste"
          dangerous={false}
          onClose={() => setPaste(null)}
          onAct={() => {
            xterm?.term.paste(paste);
            setPaste(null);
            xterm?.term.focus();
          }}
        >
          <p>A shell runs each line as soon as it arrives.</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard */}
          <pre className={`${css.pasted} selectable`} tabIndex={0}>
            {paste}
          </pre>
        </Confirm>
      )}
    </div>
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
          ? 'It was printed by a program in the guest.'
          : 'It is not https. Guesthouse does not open it by itself; copy it if you trust it.'}
      </p>
    </Dialog>
  );
}

function SearchBar({ xterm, onClose }: { xterm: Xterm; onClose: () => void }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<{ index: number; count: number } | null>(null);
  useEffect(() => {
    const off = xterm.search.onDidChangeResults(({ resultIndex, resultCount }) =>
      setFound({ index: resultIndex, count: resultCount }),
    );
    return () => off.dispose();
  }, [xterm]);
  const options = {
    decorations: { matchOverviewRuler: '#888888', activeMatchColorOverviewRuler: '#888888' },
  };
  const find = (query: string, back = false, incremental = false) => {
    if (!query) {
      xterm.search.clearDecorations();
      setFound(null);
    } else if (back) xterm.search.findPrevious(query, options);
    else xterm.search.findNext(query, { ...options, incremental });
  };
  return (
    <search className={css.search}>
      <input
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
