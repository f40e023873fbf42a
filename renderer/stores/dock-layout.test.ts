import { describe, expect, it } from 'vitest';
import {
  type DockTab,
  layOut,
  neighbour,
  type Pane,
  reconcile,
  renamed,
  splitAt,
  terminalsOf,
  without,
  withRatio,
} from './dock-layout.ts';

const one: Pane = { terminal: 'a' };
const three = splitAt(splitAt(one, 'a', 'row', 'b'), 'b', 'column', 'c');

describe('a layout of the run before', () => {
  it('takes the new consoles in the places of the old, and closes up where one did not come back', () => {
    const pane: Pane = {
      split: 'row',
      ratio: 0.3,
      a: { terminal: 'one' },
      b: { split: 'column', ratio: 0.5, a: { terminal: 'two' }, b: { terminal: 'three' } },
    };
    const names = new Map([
      ['one', 'uno'],
      ['three', 'tre'],
    ]);
    expect(renamed(pane, names)).toEqual({
      split: 'row',
      ratio: 0.3,
      a: { terminal: 'uno' },
      b: { terminal: 'tre' },
    });
    expect(renamed(pane, new Map())).toBeNull();
  });
});

describe('panes of a tab', () => {
  it('splits, and fills the whole without a gap', () => {
    const { panes, lines } = layOut(three);
    expect(Object.fromEntries(panes)).toEqual({
      a: { left: 0, top: 0, width: 0.5, height: 1 },
      b: { left: 0.5, top: 0, width: 0.5, height: 0.5 },
      c: { left: 0.5, top: 0.5, width: 0.5, height: 0.5 },
    });
    expect(lines.map(({ path, split }) => [path, split])).toEqual([
      ['', 'row'],
      ['b', 'column'],
    ]);
  });

  it('gives the room of a closed one to its neighbour', () => {
    expect(without(three, 'b')).toEqual({ split: 'row', ratio: 0.5, a: one, b: { terminal: 'c' } });
    expect(without(one, 'a')).toBeNull();
  });

  it('moves one line and no other, and never to the edge', () => {
    const moved = withRatio(three, 'b', 0.99);
    expect(layOut(moved).panes.get('b')?.height).toBeCloseTo(0.9);
    expect(layOut(moved).panes.get('a')?.width).toBe(0.5);
  });

  it.each([
    ['a', 'right', 'b'],
    ['b', 'down', 'c'],
    ['c', 'up', 'b'],
    ['c', 'left', 'a'],
    ['a', 'left', null],
    ['a', 'up', null],
  ] as const)('from %s %s comes to %s', (from, to, id) => expect(neighbour(three, from, to)).toBe(id));
});

describe('tabs follow the terminals', () => {
  const tab: DockTab = { id: 't', root: three, last: 'b' };
  it('keeps splits, drops what is gone, adds what is new', () => {
    const tabs = reconcile([tab], ['a', 'c', 'd']);
    expect(tabs.map((each) => [terminalsOf(each.root), each.last])).toEqual([
      [['a', 'c'], 'a'],
      [['d'], 'd'],
    ]);
  });
  it('changes nothing when nothing changed', () => {
    const tabs = [tab];
    expect(reconcile(tabs, ['c', 'b', 'a'])).toBe(tabs);
  });
  it('shows no terminal twice, whatever was stored', () => {
    const tabs = reconcile([tab, { ...tab, id: 'u' }], ['a', 'b', 'c']);
    expect(tabs).toHaveLength(1);
  });
});
