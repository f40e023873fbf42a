import { GuesthouseError } from '../../../../shared/errors.ts';
import { attributeOf, childElements, type XmlElement, type XmlLeaf } from './parse.ts';

/** One change of the kept text: at `at`, `removed` becomes `inserted`. */
export interface Splice {
  readonly at: number;
  readonly removed: string;
  readonly inserted: string;
}

export function applySplice(text: string, { at, removed, inserted }: Splice): string {
  return text.slice(0, at) + inserted + text.slice(at + removed.length);
}

/** The smallest splice that turns `before` into `after`, or null when they are equal. */
export function spliceBetween(before: string, after: string): Splice | null {
  if (before === after) return null;
  let start = 0;
  const most = Math.min(before.length, after.length);
  while (start < most && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  let tail = 0;
  while (
    tail < most - start &&
    before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)
  )
    tail++;
  return {
    at: start,
    removed: before.slice(start, before.length - tail),
    inserted: after.slice(start, after.length - tail),
  };
}

/** What XML 1.0 cannot hold, escaped or not; unpaired surrogates among them. */
const impossible =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function assertPossible(value: string): void {
  if (impossible.test(value))
    throw new GuesthouseError('invalid-input', 'This text cannot be kept.', {
      why: 'It has a control character, which XML does not allow.',
      todo: 'Take the control character out.',
    });
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
};

/** Escapes for an attribute in `quote`s. White space other than blanks would be normalised away: it is written as references. */
export function escapeAttribute(value: string, quote: '"' | "'"): string {
  assertPossible(value);
  return value.replace(quote === '"' ? /[&<>"\n\r\t]/g : /[&<>'\n\r\t]/g, (c) => named[c]!);
}

export function escapeText(value: string): string {
  assertPossible(value);
  return value.replace(/[&<>\r]/g, (c) => named[c]!);
}

/** An element to be written: attributes in order, null ones left out; children are elements or text. */
export interface NewElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number | null | undefined>>;
  readonly children: readonly (NewElement | string)[];
}

export function el(
  name: string,
  attributes: NewElement['attributes'] = {},
  ...children: (NewElement | string | null | undefined | false)[]
): NewElement {
  return {
    name,
    attributes,
    children: children.filter((c): c is NewElement | string => c !== null && c !== undefined && c !== false),
  };
}

/** Layout of written elements. `indent` null: all on one line. */
export interface Layout {
  readonly newline: string;
  readonly indent: string | null;
  readonly unit: string;
  readonly quote: '"' | "'";
}

/** Writes an element; the first line is not indented (that white space belongs to the place it goes to). */
export function writeElement(element: NewElement, layout: Layout): string {
  let head = `<${element.name}`;
  for (const [name, value] of Object.entries(element.attributes))
    if (value !== null && value !== undefined)
      head += ` ${name}=${layout.quote}${escapeAttribute(String(value), layout.quote)}${layout.quote}`;
  if (element.children.length === 0) return `${head}/>`;
  if (element.children.some((c) => typeof c === 'string'))
    return `${head}>${element.children.map((c) => (typeof c === 'string' ? escapeText(c) : writeElement(c, layout))).join('')}</${element.name}>`;
  const inner = layout.indent === null ? null : layout.indent + layout.unit;
  const gap = inner === null ? '' : layout.newline + inner;
  const end = layout.indent === null ? '' : layout.newline + layout.indent;
  const body = element.children
    .map((c) => gap + writeElement(c as NewElement, { ...layout, indent: inner }))
    .join('');
  return `${head}>${body}${end}</${element.name}>`;
}

/** White space before `at` back to the last thing that is none, as found in the text. */
function spaceBefore(text: string, at: number): string {
  let start = at;
  while (start > 0 && /[ \t\r\n]/.test(text[start - 1]!)) start--;
  return text.slice(start, at);
}

/** The indentation of the line an element starts on, or null when it does not start its line. */
function indentOf(text: string, element: XmlElement): string | null {
  const space = spaceBefore(text, element.span.start);
  const newline = space.lastIndexOf('\n');
  if (newline === -1) return element.span.start === space.length ? space : null;
  return space.slice(newline + 1);
}

/** How a new child of `parent` should look, imitated from what is around. */
export function layoutInside(text: string, parent: XmlElement): Layout {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const quote = parent.attributes[0]?.quote ?? documentQuote(text);
  const own = indentOf(text, parent);
  const first = childElements(parent)[0];
  const childIndent = first ? indentOf(text, first) : null;
  if (first)
    return {
      newline,
      quote,
      indent: childIndent,
      unit:
        childIndent !== null && own !== null && childIndent.startsWith(own) && childIndent.length > own.length
          ? childIndent.slice(own.length)
          : '  ',
    };
  if (own === null || !text.includes('\n')) return { newline, quote, indent: null, unit: '  ' };
  const above = parent.parent ? indentOf(text, parent.parent) : null;
  const unit =
    above !== null && own.startsWith(above) && own.length > above.length ? own.slice(above.length) : '  ';
  return { newline, quote, indent: own + unit, unit };
}

function documentQuote(text: string): '"' | "'" {
  const found = /=\s*(["'])/.exec(text.replace(/^\ufeff?<\?xml[^>]*\?>/, ''));
  return (found?.[1] as '"' | "'" | undefined) ?? "'";
}

/**
 * Sets an attribute, keeping its quotes. A new one goes behind the last that stands before it in `order`; one
 * that has no place there goes to the end.
 */
export function setAttribute(
  text: string,
  element: XmlElement,
  name: string,
  value: string,
  order: readonly string[] = [],
): Splice {
  const colon = name.indexOf(':');
  const ns = colon === -1 ? '' : (element.scope.get(name.slice(0, colon)) ?? '');
  const existing = attributeOf(element, colon === -1 ? name : name.slice(colon + 1), ns);
  if (existing)
    return {
      at: existing.valueSpan.start,
      removed: text.slice(existing.valueSpan.start, existing.valueSpan.end),
      inserted: escapeAttribute(value, existing.quote),
    };
  const quote = element.attributes.at(-1)?.quote ?? documentQuote(text);
  const own = order.indexOf(name);
  const before =
    own === -1
      ? element.attributes
      : element.attributes.filter((a) => order.includes(a.name) && order.indexOf(a.name) < own);
  return {
    at: before.at(-1)?.span.end ?? element.nameEnd,
    removed: '',
    inserted: ` ${name}=${quote}${escapeAttribute(value, quote)}${quote}`,
  };
}

/** Removes an attribute with the white space before it, or null when there is none. */
export function removeAttribute(text: string, element: XmlElement, local: string, ns = ''): Splice | null {
  const attribute = attributeOf(element, local, ns);
  if (!attribute) return null;
  const start = attribute.span.start - spaceBefore(text, attribute.span.start).length;
  return { at: start, removed: text.slice(start, attribute.span.end), inserted: '' };
}

/**
 * Sets the text of an element without child elements.
 * @param keepSpace leave white space around the old text (for values where it means nothing)
 */
export function setText(text: string, element: XmlElement, value: string, keepSpace: boolean): Splice {
  const written = escapeText(value);
  if (element.selfClosing) {
    const at = element.span.end - 2;
    const start = at - spaceBefore(text, at).length;
    return {
      at: start,
      removed: text.slice(start, element.span.end),
      inserted: `>${written}</${element.name}>`,
    };
  }
  const texts = element.children.filter((c): c is XmlLeaf => c.kind === 'text' || c.kind === 'cdata');
  const full = texts.filter((c) => c.value.trim() !== '');
  const used = keepSpace && full.length > 0 ? full : texts;
  let start = used[0]?.span.start ?? element.openEnd;
  let end = used.at(-1)?.span.end ?? element.openEnd;
  if (keepSpace && used.every((c) => c.kind === 'text')) {
    const raw = text.slice(start, end);
    if (raw.trim() !== '') {
      start += raw.length - raw.trimStart().length;
      end -= raw.length - raw.trimEnd().length;
    }
  }
  return { at: start, removed: text.slice(start, end), inserted: written };
}

/**
 * Inserts an element behind `after` (a child element of `parent`), or as the first child when that is null.
 * A comment on the same line as `after` stays with it.
 */
export function insertElement(
  text: string,
  parent: XmlElement,
  after: XmlElement | null,
  element: NewElement,
): Splice {
  const layout = layoutInside(text, parent);
  const gap = layout.indent === null ? '' : layout.newline + layout.indent;
  const written = gap + writeElement(element, layout);
  if (parent.selfClosing) {
    const slash = parent.span.end - 2;
    const start = slash - spaceBefore(text, slash).length;
    const own = layout.indent === null ? '' : layout.newline + (indentOf(text, parent) ?? '');
    return {
      at: start,
      removed: text.slice(start, parent.span.end),
      inserted: `>${written}${own}</${parent.name}>`,
    };
  }
  if (after) {
    const trailing = /^[ \t]*<!--(?:(?!-->)[^\n])*-->/.exec(text.slice(after.span.end, parent.closeStart));
    return { at: after.span.end + (trailing?.[0].length ?? 0), removed: '', inserted: written };
  }
  const closing =
    parent.openEnd === parent.closeStart && layout.indent !== null
      ? layout.newline + (indentOf(text, parent) ?? '')
      : '';
  return { at: parent.openEnd, removed: '', inserted: written + closing };
}

/** Removes an element with the white space before it. A parent that is left with nothing closes itself. */
export function removeElement(text: string, element: XmlElement): Splice {
  const { parent } = element;
  const bare =
    parent !== null &&
    parent.parent !== null &&
    parent.children.every((c) => c === element || (c.kind === 'text' && c.value.trim() === ''));
  if (bare) {
    const start = parent.openEnd - 1;
    return { at: start, removed: text.slice(start, parent.span.end), inserted: '/>' };
  }
  const start = element.span.start - spaceBefore(text, element.span.start).length;
  return { at: start, removed: text.slice(start, element.span.end), inserted: '' };
}
