import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp, Check } from 'lucide-react';
import { type KeyboardEvent, type MouseEvent, memo, useLayoutEffect, useRef, useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { useHistory } from '../../stores/stats.ts';
import { type SortKey, useUi } from '../../stores/ui.ts';
import { cx } from '../../ui/cx.ts';
import { bytes, cores } from '../../ui/format.ts';
import * as roles from '../../ui/grid-roles.ts';
import { ContextMenu } from '../../ui/Menu.tsx';
import { Sparkline, StateDot, Tag } from '../../ui/parts.tsx';
import { guestRowTestId, guestStateTestId, testIds } from '../../ui/testids.ts';
import { allMenuEntries } from './action-icons.tsx';
import css from './list.module.css';
import { moveFor, step } from './selection.ts';
import { addressOf } from './visible.ts';

const rowHeight = 32;
const headHeight = 28;
const columns: readonly { readonly key: SortKey; readonly title: string; readonly right?: boolean }[] = [
  { key: 'name', title: 'Name' },
  { key: 'state', title: 'State' },
  { key: 'cpu', title: 'CPU', right: true },
  { key: 'memory', title: 'Memory', right: true },
  { key: 'address', title: 'Address' },
];

const rowId = (id: string) => `guest-${id}`;

/** The guests in the order given. A grid: arrows move, Shift extends, Space toggles, Enter opens the console. */
export function GuestTable({ guests }: { guests: readonly Guest[] }) {
  const selection = useUi((state) => state.selection);
  const cursor = useUi((state) => state.cursor);
  const sort = useUi((state) => state.sort);
  const scroll = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const anchorPoint = useRef<HTMLDivElement>(null);
  const anchor = useRef<string | null>(null);
  const [menuFor, setMenuFor] = useState<{ guest: Guest; x: number; y: number } | null>(null);
  const ids = guests.map((guest) => guest.id);
  const virtual = useVirtualizer({
    count: guests.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    // The header is sticky inside the scroller and takes this much of it.
    scrollPaddingStart: headHeight,
    getItemKey: (index) => guests[index]?.id ?? index,
    initialRect: { width: 600, height: 600 },
  });

  const at = cursor === null ? -1 : ids.indexOf(cursor);
  // What is chosen elsewhere (a new guest, the palette) comes into view.
  useLayoutEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' });
  }, [at, virtual]);

  const go = (to: number, mode: 'only' | 'range' | 'move' | 'toggle') => {
    const next = step(ids, { selection, cursor, anchor: anchor.current }, { to, mode });
    anchor.current = next.anchor;
    useUi.getState().select(next.selection, next.cursor);
  };
  const chosen = () => guests.filter((guest) => selection.has(guest.id));

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 0) / rowHeight) - 1);
    const to = moveFor(event.key, at, guests.length, page);
    if (to !== null) go(to, event.shiftKey ? 'range' : event.ctrlKey ? 'move' : 'only');
    else if (event.key === ' ' && at >= 0) go(at, 'toggle');
    else if (event.key === 'a' && event.ctrlKey) useUi.getState().select(ids);
    else if (event.key === 'Enter' && at >= 0) runGuestAction('console', chosen());
    else if (event.key === 'Delete') runGuestAction('delete', chosen());
    else if (event.key === 'F2') runGuestAction('rename', chosen().slice(0, 1));
    else if (event.key === 'Escape') useUi.getState().select([]);
    else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
      const guest = guests[at];
      const row = guest && document.getElementById(rowId(guest.id))?.getBoundingClientRect();
      if (guest && row) setMenuFor({ guest, x: row.left + 40, y: row.bottom - 4 });
    } else return;
    event.preventDefault();
  };

  /** The row an event is about, by delegation: rows come and go as one scrolls. */
  const rowAt = (event: MouseEvent) => {
    const element = (event.target as Element).closest<HTMLElement>('[data-index]');
    const index = Number(element?.dataset.index ?? -1);
    const guest = guests[index];
    return guest ? { guest, index } : null;
  };
  const onClick = (event: MouseEvent) => {
    const row = rowAt(event);
    if (!row) return;
    const onTick = (event.target as Element).closest('[data-tick]') !== null;
    go(row.index, event.shiftKey ? 'range' : onTick || event.ctrlKey || event.metaKey ? 'toggle' : 'only');
  };
  const onDoubleClick = (event: MouseEvent) => {
    const row = rowAt(event);
    if (row && !event.ctrlKey && !event.shiftKey) runGuestAction('console', [row.guest]);
  };
  const onContextMenu = (event: MouseEvent) => {
    const row = rowAt(event);
    if (!row) return;
    event.preventDefault();
    if (!selection.has(row.guest.id)) go(row.index, 'only');
    setMenuFor({ guest: row.guest, x: event.clientX, y: event.clientY });
  };
  const sortBy = (key: SortKey) =>
    useUi.getState().set({
      sort: { key, descending: sort.key === key ? !sort.descending : key === 'cpu' || key === 'memory' },
    });

  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: see grid-roles.ts */}
      <div
        ref={grid}
        role="grid"
        aria-label="Guests"
        aria-multiselectable="true"
        aria-rowcount={guests.length + 1}
        aria-activedescendant={at >= 0 ? rowId(ids[at] ?? '') : undefined}
        tabIndex={0}
        className={cx(css.table, selection.size > 1 && css.many)}
        data-testid={testIds.guestList}
        data-pane="list"
        onKeyDown={onKeyDown}
        onClick={onClick}
        onDoubleClick={onDoubleClick}
        onContextMenu={onContextMenu}
      >
        <div ref={scroll} className={css.scroll} role="presentation">
          <div {...roles.rowGroup} className={css.headGroup}>
            <div {...roles.row(1)} className={cx(css.row, css.head)}>
              <span {...roles.columnHeader()}>
                <span className="sr-only">Selected</span>
              </span>
              {columns.map(({ key, title, right }) => (
                <span
                  key={key}
                  {...roles.columnHeader(
                    sort.key === key ? (sort.descending ? 'descending' : 'ascending') : 'none',
                  )}
                  className={right ? css.right : undefined}
                >
                  <button type="button" tabIndex={-1} onClick={() => sortBy(key)}>
                    {title}
                    {sort.key === key &&
                      (sort.descending ? (
                        <ArrowDown size={12} aria-hidden="true" />
                      ) : (
                        <ArrowUp size={12} aria-hidden="true" />
                      ))}
                  </button>
                </span>
              ))}
            </div>
          </div>
          <div {...roles.rowGroup} className={css.body} style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const guest = guests[item.index];
              return (
                guest && (
                  <Row
                    key={guest.id}
                    guest={guest}
                    index={item.index}
                    top={item.start}
                    selected={selection.has(guest.id)}
                    cursor={guest.id === cursor}
                  />
                )
              );
            })}
          </div>
        </div>
      </div>
      {menuFor && (
        <>
          <div ref={anchorPoint} className={css.anchor} style={{ left: menuFor.x, top: menuFor.y }} />
          <ContextMenu
            anchor={anchorPoint}
            label={`Actions for ${menuFor.guest.name}`}
            entries={allMenuEntries(menuFor.guest)}
            onClose={() => {
              setMenuFor(null);
              grid.current?.focus({ preventScroll: true });
            }}
          />
        </>
      )}
    </>
  );
}

const Row = memo(function Row({
  guest,
  index,
  top,
  selected,
  cursor,
}: {
  guest: Guest;
  index: number;
  top: number;
  selected: boolean;
  cursor: boolean;
}) {
  return (
    <div
      id={rowId(guest.id)}
      {...roles.row(index + 2, selected)}
      data-index={index}
      data-cursor={cursor ? '' : undefined}
      data-testid={guestRowTestId(guest.name)}
      className={cx(css.row, css.guest)}
      style={{ transform: `translateY(${top}px)` }}
    >
      <span {...roles.cell} data-tick="">
        <span className={css.tick} aria-hidden="true">
          {selected && <Check size={12} strokeWidth={3} />}
        </span>
      </span>
      <span {...roles.cell} className={cx(css.cell, css.nameCell)}>
        <span title={guest.name}>{guest.name}</span>
        {guest.tags.slice(0, 2).map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
      </span>
      <span {...roles.cell} className={css.cell}>
        <StateDot state={guest.state} data-testid={guestStateTestId(guest.name)} />
      </span>
      <Usage id={guest.id} live={guest.pid !== null} />
      <span {...roles.cell} className={css.cell} title={guest.addresses.join('\n') || undefined}>
        {addressOf(guest) ?? <span className="muted">–</span>}
      </span>
    </div>
  );
});

/** CPU and memory: their own component, since they change every other second and the row does not. */
function Usage({ id, live }: { id: string; live: boolean }) {
  const history = useHistory(id);
  const last = live ? history.at(-1) : undefined;
  return (
    <>
      <span {...roles.cell} className={cx(css.cell, css.number)}>
        {last ? (
          <span className={css.cpu}>
            {cores(last.cpu)}
            <Sparkline values={history.map((sample) => sample.cpu)} max={1} width={40} />
          </span>
        ) : (
          <span className="muted">–</span>
        )}
      </span>
      <span {...roles.cell} className={cx(css.cell, css.number)}>
        {last ? bytes(last.memory) : <span className="muted">–</span>}
      </span>
    </>
  );
}
