import { describe, expect, it } from 'vitest';
import type { TerminalFromView } from '../../../shared/model/terminal.ts';
import { TerminalLink } from './terminal-link.ts';

/** A screen that draws when it is told to. */
function setUp() {
  const sent: TerminalFromView[] = [];
  const queue: (() => void)[] = [];
  const link = new TerminalLink(
    { write: (_data, done) => void queue.push(() => done?.()) },
    { postMessage: (message) => void sent.push(message) },
    () => {},
  );
  return { link, sent, draw: () => queue.shift()?.() };
}
const bytes = (length: number) => new Uint8Array(length);

describe('TerminalLink', () => {
  it('acknowledges after drawing, not on arrival', () => {
    const { link, sent, draw } = setUp();
    link.receive({ t: 'data', bytes: bytes(100) });
    expect(sent).toEqual([]);
    draw();
    expect(sent).toEqual([{ t: 'ack', bytes: 100 }]);
  });

  it('gathers small pieces, and loses none of their bytes', () => {
    const { link, sent, draw } = setUp();
    for (const length of [3000, 1999, 1, 10]) link.receive({ t: 'data', bytes: bytes(length) });
    draw();
    draw();
    expect(sent).toEqual([]);
    draw();
    expect(sent).toEqual([{ t: 'ack', bytes: 5000 }]);
    draw();
    expect(sent).toEqual([
      { t: 'ack', bytes: 5000 },
      { t: 'ack', bytes: 10 },
    ]);
  });

  it('drops what the terminal answers until the history is drawn', () => {
    const { link, sent, draw } = setUp();
    link.receive({ t: 'replay', bytes: bytes(10) });
    link.receive({ t: 'live' });
    link.input('\u001b[0n');
    draw();
    link.input('\u001b[0n');
    expect(sent).toEqual([]);
    draw();
    link.input('ls\r');
    expect(sent).toEqual([{ t: 'input', text: 'ls\r' }]);
  });
});
