// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bridge } from '../../../shared/ipc/contract.ts';
import { useSettings } from '../../stores/settings.ts';
import tokensText from '../../ui/tokens.css?raw';
import { makeXterm, type Xterm } from './xterm-setup.ts';

let xterm: Xterm;
let asked: string[];
/** Calls that would have left the page. */
let calls: unknown[];
beforeEach(() => {
  asked = [];
  calls = [];
  window.guesthouse = {
    call: async (...call: unknown[]) => {
      calls.push(call);
      return { ok: true, value: undefined };
    },
  } as unknown as Bridge;
  xterm = makeXterm(13, (address) => asked.push(address));
});
afterEach(() => xterm.term.dispose());

const write = (text: string) => new Promise<void>((done) => xterm.term.write(text, done));
const row = (line = 0) => xterm.term.buffer.active.getLine(line)!;

describe('a console', () => {
  it('asks about a link that is clicked and opens nothing', () => {
    const { linkHandler } = xterm.term.options;
    linkHandler!.activate(new MouseEvent('click'), 'https://example.org/', {
      start: { x: 1, y: 1 },
      end: { x: 5, y: 1 },
    });
    expect(asked).toEqual(['https://example.org/']);
    expect(linkHandler!.allowNonHttpProtocols).toBe(false);
    expect(calls).toEqual([]);
  });

  it('lets no program write the clipboard unless that was allowed, and none read it', async () => {
    const says: string[] = [];
    xterm.term.onData((text) => says.push(text));
    const secret = `\x1b]52;c;${btoa('rm -rf /')}\x07`;
    await write(secret);
    await write('\x1b]52;c;?\x07');
    expect(calls).toEqual([]);
    expect(says.join('')).not.toContain(btoa('what was copied'));
    const { settings } = useSettings.getState();
    useSettings.setState({ settings: { ...settings, osc52: true } });
    try {
      await write(secret);
      await expect.poll(() => calls).toEqual([['shell.writeClipboard', { text: 'rm -rf /' }]]);
    } finally {
      useSettings.setState({ settings });
    }
  });

  it('keeps 24-bit colours as the program wrote them', async () => {
    await write('\x1b[38;2;18;52;86;48;2;250;249;248mx');
    const cell = row().getCell(0)!;
    expect([cell.isFgRGB(), cell.getFgColor(), cell.isBgRGB(), cell.getBgColor()]).toEqual([
      true,
      0x123456,
      true,
      0xfaf9f8,
    ]);
  });

  it('gives emoji and wide characters the two columns of Unicode 11', async () => {
    await write('🤩字e\u0301|');
    const widths = [0, 2, 4, 5].map((column) => row().getCell(column)!);
    expect(widths.map((cell) => [cell.getChars(), cell.getWidth()])).toEqual([
      ['🤩', 2],
      ['字', 2],
      ['e\u0301', 1],
      ['|', 1],
    ]);
  });

  it('keeps 10,000 lines that scrolled out of sight', async () => {
    await write(`first\r\n${'hay\r\n'.repeat(9000)}`);
    expect(row().translateToString(true)).toBe('first');
    await write('hay\r\n'.repeat(2000));
    expect(xterm.term.buffer.active.length).toBe(10_000 + xterm.term.rows);
  });
});

describe('the colours of consoles', () => {
  const tokens = [...tokensText.matchAll(/--term-([a-z-]+):\s*(#[0-9a-f]{6})/g)].map(
    ([, name, value]) => [name!, value!] as const,
  );
  const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
  const themes = [0, 1].map(
    (theme) => new Map(tokens.slice((theme * tokens.length) / 2, ((theme + 1) * tokens.length) / 2)),
  );
  const light = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  it('tell bright from plain, and can be read, in both themes', () => {
    for (const theme of themes)
      for (const name of names) {
        const bright = theme.get(`bright-${name}`)!;
        expect(bright, name).not.toBe(theme.get(name));
        const [low, high] = [light(bright), light(theme.get('bg')!)].sort((a, b) => a - b);
        expect((high! + 0.05) / (low! + 0.05), `${name} ${bright}`).toBeGreaterThanOrEqual(4.5);
      }
  });
});
