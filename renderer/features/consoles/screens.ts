import type { Terminal } from '@xterm/xterm';

interface Screen {
  readonly term: Terminal;
  /** Opens its search. */
  readonly search: () => void;
  /** Where one types what is searched for; null while that is closed. */
  readonly searchField: () => HTMLElement | null;
}

const screens = new Map<string, Screen>();

/** Makes a console's text reachable for saving and searching; returns how to leave. */
export function joinScreens(id: string, screen: Screen): () => void {
  screens.set(id, screen);
  return () => {
    if (screens.get(id) === screen) screens.delete(id);
  };
}

/** Gives a console the keyboard. */
export const focusScreen = (id: string): void => screens.get(id)?.term.focus();

/** Opens the search of a console. */
export const searchScreen = (id: string): void => screens.get(id)?.search();

/** Gives an open search the keyboard. */
export const focusSearch = (id: string): void => screens.get(id)?.searchField()?.focus();

/** Everything a console still holds, scrollback included: long lines as the program wrote them, not as they wrap. */
export function textOf(id: string): string | null {
  const buffer = screens.get(id)?.term.buffer.normal;
  if (!buffer) return null;
  const lines: string[] = [];
  for (let y = 0; y < buffer.length; y++) {
    const line = buffer.getLine(y);
    if (!line) continue;
    // A line that goes on below keeps its blanks.
    const goesOn = buffer.getLine(y + 1)?.isWrapped ?? false;
    const text = line.translateToString(!goesOn);
    if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
