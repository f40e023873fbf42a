import type { ReactNode } from 'react';
import { Cell, Column, Row, Table, TableBody, TableHeader } from 'react-aria-components';
import css from './list-table.module.css';

export interface ListColumn<T> {
  readonly id: string;
  readonly title: string;
  /** A CSS width; the columns without one share what is left. */
  readonly width?: string;
  readonly cell: (item: T) => ReactNode;
}

/** A table of a few dozen things, one of which can be chosen; arrow keys move, Enter opens. */
export function ListTable<T extends { readonly id: string; readonly name: string }>({
  label,
  columns,
  items,
  selected,
  onSelect,
  onShow,
  onOpen,
  rowTestId,
}: {
  label: string;
  /** The first one names the row. */
  columns: readonly ListColumn<T>[];
  items: readonly T[];
  selected: string | null;
  onSelect: (id: string) => void;
  /** A click on a row, the chosen one too: where the list stands alone it leads to the details. Arrow keys do not. */
  onShow?: () => void;
  /** Enter or a double click. */
  onOpen?: (item: T) => void;
  rowTestId: (name: string) => string;
}) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a click alone; the table takes the keys
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      className={css.box}
      // On the way to the row, which keeps it to itself.
      onClickCapture={({ target }) => {
        if ((target as Element).closest('[role="row"][aria-selected]')) onShow?.();
      }}
    >
      <Table
        aria-label={label}
        className={css.table}
        selectionMode="single"
        selectionBehavior="replace"
        selectedKeys={selected === null ? [] : [selected]}
        onSelectionChange={(keys) => {
          const [id] = keys === 'all' ? [] : keys;
          if (id !== undefined) onSelect(String(id));
        }}
        onRowAction={(id) => {
          const item = items.find((one) => one.id === id);
          if (item) onOpen?.(item);
        }}
      >
        <TableHeader>
          {columns.map((column, index) => (
            <Column key={column.id} id={column.id} isRowHeader={index === 0} style={{ width: column.width }}>
              {column.title}
            </Column>
          ))}
        </TableHeader>
        <TableBody>
          {items.map((item) => (
            <Row key={item.id} id={item.id} textValue={item.name} data-testid={rowTestId(item.name)}>
              {columns.map((column) => (
                <Cell key={column.id}>{column.cell(item)}</Cell>
              ))}
            </Row>
          ))}
        </TableBody>
      </Table>
    </div>
  );
}
