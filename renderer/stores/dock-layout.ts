/** How consoles lie in a tab: one, or two parts beside or below each other, each again such a thing. */
export type Pane =
  | { readonly terminal: string }
  | { readonly split: 'row' | 'column'; readonly ratio: number; readonly a: Pane; readonly b: Pane };

export interface DockTab {
  readonly id: string;
  readonly root: Pane;
  /** The pane that had the focus last. */
  readonly last: string;
}

/** Parts of the whole, 0 to 1. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Line {
  /** Which split it belongs to: a and b from the root down. */
  readonly path: string;
  readonly split: 'row' | 'column';
  readonly ratio: number;
  /** Of both parts together. */
  readonly rect: Rect;
}

export const terminalsOf = (pane: Pane): readonly string[] =>
  'terminal' in pane ? [pane.terminal] : [...terminalsOf(pane.a), ...terminalsOf(pane.b)];

/** Takes a terminal out; null when nothing is left. */
export function without(pane: Pane, terminal: string): Pane | null {
  if ('terminal' in pane) return pane.terminal === terminal ? null : pane;
  const a = without(pane.a, terminal);
  const b = without(pane.b, terminal);
  return a && b ? (a === pane.a && b === pane.b ? pane : { ...pane, a, b }) : (a ?? b);
}

/** The same places with other terminals in them; those without another leave theirs. Null when none is left. */
export function renamed(pane: Pane, names: ReadonlyMap<string, string>): Pane | null {
  if ('terminal' in pane) {
    const terminal = names.get(pane.terminal);
    return terminal === undefined ? null : { terminal };
  }
  const a = renamed(pane.a, names);
  const b = renamed(pane.b, names);
  return a && b ? { ...pane, a, b } : (a ?? b);
}

/** Puts a terminal right of (row) or below (column) another. */
export function splitAt(pane: Pane, at: string, split: 'row' | 'column', added: string): Pane {
  if ('terminal' in pane)
    return pane.terminal === at ? { split, ratio: 0.5, a: pane, b: { terminal: added } } : pane;
  return { ...pane, a: splitAt(pane.a, at, split, added), b: splitAt(pane.b, at, split, added) };
}

export function withRatio(pane: Pane, path: string, ratio: number): Pane {
  if ('terminal' in pane) return pane;
  const clamped = Math.min(0.9, Math.max(0.1, ratio));
  if (path === '') return { ...pane, ratio: clamped };
  return path[0] === 'a'
    ? { ...pane, a: withRatio(pane.a, path.slice(1), ratio) }
    : { ...pane, b: withRatio(pane.b, path.slice(1), ratio) };
}

const whole: Rect = { left: 0, top: 0, width: 1, height: 1 };

/** Where every terminal lies, and the lines between. */
export function layOut(pane: Pane, rect = whole, path = ''): { panes: Map<string, Rect>; lines: Line[] } {
  if ('terminal' in pane) return { panes: new Map([[pane.terminal, rect]]), lines: [] };
  const { split, ratio } = pane;
  const row = split === 'row';
  const first: Rect = { ...rect, ...(row ? { width: rect.width * ratio } : { height: rect.height * ratio }) };
  const second: Rect = row
    ? { ...rect, left: rect.left + first.width, width: rect.width - first.width }
    : { ...rect, top: rect.top + first.height, height: rect.height - first.height };
  const a = layOut(pane.a, first, `${path}a`);
  const b = layOut(pane.b, second, `${path}b`);
  return {
    panes: new Map([...a.panes, ...b.panes]),
    lines: [{ path, split, ratio, rect }, ...a.lines, ...b.lines],
  };
}

/** The pane next to `from` in a direction, or null at the edge. */
export function neighbour(root: Pane, from: string, to: 'left' | 'right' | 'up' | 'down'): string | null {
  const { panes } = layOut(root);
  const here = panes.get(from);
  if (!here) return null;
  const middle = (rect: Rect) => ({ x: rect.left + rect.width / 2, y: rect.top + rect.height / 2 });
  const at = middle(here);
  let best: { id: string; far: number } | null = null;
  for (const [id, rect] of panes) {
    if (id === from) continue;
    const { x, y } = middle(rect);
    const along = to === 'left' ? at.x - x : to === 'right' ? x - at.x : to === 'up' ? at.y - y : y - at.y;
    const aside = to === 'left' || to === 'right' ? Math.abs(y - at.y) : Math.abs(x - at.x);
    const e = 0.001;
    const beyond =
      to === 'left'
        ? rect.left + rect.width <= here.left + e
        : to === 'right'
          ? rect.left >= here.left + here.width - e
          : to === 'up'
            ? rect.top + rect.height <= here.top + e
            : rect.top >= here.top + here.height - e;
    if (!beyond) continue;
    const far = along + 2 * aside;
    if (!best || far < best.far) best = { id, far };
  }
  return best?.id ?? null;
}

/** Tabs for the terminals there are: gone ones leave their tab, new ones get one of their own. */
export function reconcile(tabs: readonly DockTab[], terminals: readonly string[]): readonly DockTab[] {
  const there = new Set(terminals);
  const kept: DockTab[] = [];
  const placed = new Set<string>();
  for (const tab of tabs) {
    let root: Pane | null = tab.root;
    for (const id of terminalsOf(tab.root))
      if (!there.has(id) || placed.has(id)) root = root && without(root, id);
    if (!root) continue;
    const ids = terminalsOf(root);
    for (const id of ids) placed.add(id);
    kept.push(
      root === tab.root && ids.includes(tab.last)
        ? tab
        : { ...tab, root, last: ids.includes(tab.last) ? tab.last : ids[0]! },
    );
  }
  const added = terminals
    .filter((id) => !placed.has(id))
    .map((id): DockTab => ({ id: `of-${id}`, root: { terminal: id }, last: id }));
  const same = added.length === 0 && kept.length === tabs.length && kept.every((tab, i) => tab === tabs[i]);
  return same ? tabs : [...kept, ...added];
}
