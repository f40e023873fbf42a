import { Base64, ClipboardAddon, type IClipboardProvider } from '@xterm/addon-clipboard';
import { FitAddon } from '@xterm/addon-fit';
import { type ISearchOptions, SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { type ITheme, Terminal } from '@xterm/xterm';
import { shell } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useSettings } from '../../stores/settings.ts';

function terminalTokens() {
  const style = getComputedStyle(document.documentElement);
  return (name: string) => style.getPropertyValue(`--term-${name}`).trim();
}

/** How what was searched for is marked, everywhere and where one stands. */
export function matchColours(): NonNullable<ISearchOptions['decorations']> {
  const token = terminalTokens();
  return {
    matchBackground: token('match'),
    matchBorder: token('match-line'),
    matchOverviewRuler: token('match-line'),
    activeMatchBackground: token('match-active'),
    activeMatchBorder: token('match-line'),
    activeMatchColorOverviewRuler: token('match-line'),
  };
}

/** xterm's colours out of the design tokens, so that consoles follow the theme. */
export function themeFromTokens(): ITheme {
  const token = terminalTokens();
  const plain = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
  const theme: Record<string, string> = {
    background: token('bg'),
    foreground: token('fg'),
    cursor: token('fg'),
    cursorAccent: token('bg'),
    selectionBackground: token('selection'),
  };
  for (const name of plain) {
    theme[name] = token(name);
    theme[`bright${name[0]?.toUpperCase()}${name.slice(1)}`] = token(`bright-${name}`);
  }
  return theme;
}

/** Programs inside may write the clipboard only where the setting says so, and may never read it. */
const clipboard: IClipboardProvider = {
  readText: () => '',
  writeText: async (_selection, text) => {
    if (useSettings.getState().settings.osc52) await writeClipboard(text);
  },
};

export interface Xterm {
  readonly term: Terminal;
  readonly fit: FitAddon;
  readonly search: SearchAddon;
}

/** A terminal with what every console has. `onLink` is called on a click; nothing is opened by itself. */
export function makeXterm(fontSize: number, onLink: (address: string) => void): Xterm {
  const term = new Terminal({
    allowProposedApi: true,
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono').trim() || 'monospace',
    fontSize,
    lineHeight: 1.15,
    scrollback: 10_000,
    theme: themeFromTokens(),
    // Colours nobody could read on their ground are shifted as they are drawn; all others are as the program wrote them.
    minimumContrastRatio: 4.5,
    linkHandler: { activate: (_event, address) => onLink(address), allowNonHttpProtocols: false },
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  term.loadAddon(fit);
  term.loadAddon(search);
  term.loadAddon(new Unicode11Addon());
  term.unicode.activeVersion = '11';
  term.loadAddon(new WebLinksAddon((_event, address) => onLink(address)));
  term.loadAddon(new ClipboardAddon(new Base64(), clipboard));
  return { term, fit, search };
}

/** Draws with the GPU where there is a real one: on software GL the DOM renderer is 2-4 times faster. */
export async function drawWithGpu(term: Terminal): Promise<void> {
  const info = await shell('shell.info').catch(() => null);
  if (!info?.gpu) return;
  const { WebglAddon } = await import('@xterm/addon-webgl');
  const webgl = new WebglAddon();
  webgl.onContextLoss(() => webgl.dispose());
  try {
    term.loadAddon(webgl);
  } catch {
    webgl.dispose();
  }
}
