import type { Domain } from './domain.ts';
import { textOf, type XmlElement } from './xml/parse.ts';

/** One element of a domain as a person reads it. */
export interface OutlineRow {
  /** 1-based. */
  readonly line: number;
  /** 0 for `<domain>` itself. */
  readonly depth: number;
  readonly name: string;
  /** Names as written, values decoded. */
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
  /** The text directly inside, blanks around it cut off. */
  readonly text: string;
}

/** More rows nobody reads, and a window cannot hold; libvirt's largest domains have some hundreds. */
const mostRows = 20_000;

/** Every element of a domain in document order; comments and white space are left out. The last row tells how many more there are. */
export function outlineOf(domain: Domain): OutlineRow[] {
  const rows: OutlineRow[] = [];
  let more = 0;
  const visit = (element: XmlElement, depth: number): void => {
    if (rows.length === mostRows) more++;
    else
      rows.push({
        line: domain.lineAt(element.span.start),
        depth,
        name: element.name,
        attributes: element.attributes.map(({ name, value }) => ({ name, value })),
        text: textOf(element).trim(),
      });
    for (const child of element.children) if (child.kind === 'element') visit(child, depth + 1);
  };
  visit(domain.root, 0);
  if (more > 0)
    rows.push({ line: rows.at(-1)!.line, depth: 0, name: '…', attributes: [], text: `and ${more} more` });
  return rows;
}
