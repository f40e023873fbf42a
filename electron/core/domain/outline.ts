import type { Domain } from './domain.ts';
import { lineColumn, textOf, type XmlElement } from './xml/parse.ts';

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

/** Every element of a domain in document order; comments and white space are left out. */
export function outlineOf(domain: Domain): OutlineRow[] {
  const rows: OutlineRow[] = [];
  const visit = (element: XmlElement, depth: number): void => {
    rows.push({
      line: lineColumn(domain.text, element.span.start).line,
      depth,
      name: element.name,
      attributes: element.attributes.map(({ name, value }) => ({ name, value })),
      text: textOf(element).trim(),
    });
    for (const child of element.children) if (child.kind === 'element') visit(child, depth + 1);
  };
  visit(domain.root, 0);
  return rows;
}
