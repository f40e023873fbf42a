/**
 * The roles of a virtualised grid with one tab stop (WAI-ARIA APG, grid with aria-activedescendant): elements of a
 * real <table> cannot be positioned one by one, and no cell takes the focus.
 */
export const rowGroup = { role: 'rowgroup' } as const;
export const cell = { role: 'gridcell' } as const;
/** `index` counts from 1, the header included. */
export const row = (index: number, selected?: boolean) =>
  ({ role: 'row', 'aria-rowindex': index, 'aria-selected': selected }) as const;
export const columnHeader = (sorted?: 'ascending' | 'descending' | 'none') =>
  ({ role: 'columnheader', 'aria-sort': sorted }) as const;
