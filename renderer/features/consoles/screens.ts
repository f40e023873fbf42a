import type { Terminal } from '@xterm/xterm';

const screens = new Map<string, Terminal>();

/** Makes a console's text reachable for saving; returns how to leave. */
export function joinScreens(id: string, term: Terminal): () => void {
  screens.set(id, term);
  return () => {
    if (screens.get(id) === term) screens.delete(id);
  };
}

/** Gives a console the keyboard. */
export const focusScreen = (id: string): void => screens.get(id)?.focus();

/** Everything a console still holds, scrollback included: long lines as the program wrote them, not as they wrap. */
export function textOf(id: string): string | null {
  const buffer = screens.get(id)?.buffer.normal;
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
