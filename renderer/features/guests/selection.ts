/** What a key or a click does to the selection of a list. Pure: ids in shown order go in. */

export interface Choice {
  readonly selection: ReadonlySet<string>;
  /** Where the keyboard stands. */
  readonly cursor: string | null;
  /** Where a range began. */
  readonly anchor: string | null;
}

export type Step =
  | { readonly to: number; readonly mode: 'only' | 'range' | 'move' }
  | { readonly to: number; readonly mode: 'toggle' };

/** `to` is an index into `ids`, held inside the list. */
export function step(ids: readonly string[], before: Choice, { to, mode }: Step): Choice {
  const index = Math.min(Math.max(to, 0), ids.length - 1);
  const id = ids[index];
  if (id === undefined) return { selection: new Set(), cursor: null, anchor: null };
  switch (mode) {
    case 'only':
      return { selection: new Set([id]), cursor: id, anchor: id };
    case 'move':
      return { ...before, cursor: id };
    case 'toggle': {
      const selection = new Set(before.selection);
      if (!selection.delete(id)) selection.add(id);
      return { selection, cursor: id, anchor: id };
    }
    case 'range': {
      const anchor = before.anchor !== null ? ids.indexOf(before.anchor) : -1;
      const from = anchor < 0 ? index : anchor;
      const range = ids.slice(Math.min(from, index), Math.max(from, index) + 1);
      return { selection: new Set(range), cursor: id, anchor: ids[from] ?? id };
    }
  }
}

/** The next index for a key, or null when the key does not move. `page` is the rows a page shows. */
export function moveFor(key: string, at: number, count: number, page: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return at + 1;
    case 'ArrowUp':
      return at < 0 ? 0 : at - 1;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    case 'PageDown':
      return at + page;
    case 'PageUp':
      return at - page;
    default:
      return null;
  }
}
