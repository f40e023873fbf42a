import { SaxesParser } from 'saxes';
import { GuesthouseError } from '../../../../shared/errors.ts';

/** A half-open range of UTF-16 offsets in the kept text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface XmlAttribute {
  /** As written, with its prefix. */
  readonly name: string;
  readonly local: string;
  /** Namespace, '' for none. */
  readonly ns: string;
  /** Decoded and normalised (XML 1.0, 3.3.3). */
  readonly value: string;
  /** From the name's first letter to behind the closing quote. */
  readonly span: Span;
  /** Between the quotes. */
  readonly valueSpan: Span;
  readonly quote: '"' | "'";
}

/** Anything in an element that is not an element. `value` is decoded for text, raw for the others. */
export interface XmlLeaf {
  readonly kind: 'text' | 'cdata' | 'comment' | 'pi';
  readonly span: Span;
  readonly value: string;
}

export interface XmlElement {
  readonly kind: 'element';
  readonly name: string;
  readonly local: string;
  readonly ns: string;
  readonly parent: XmlElement | null;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlNode[];
  /** The whole element, tags included. */
  readonly span: Span;
  /** Behind the tag's name. */
  readonly nameEnd: number;
  /** Behind the `>` of the start tag. */
  readonly openEnd: number;
  /** The `<` of the end tag; equals `span.end` for `<a/>`. */
  readonly closeStart: number;
  readonly selfClosing: boolean;
  /** Prefix to namespace, as in scope inside this element. */
  readonly scope: ReadonlyMap<string, string>;
}

export type XmlNode = XmlElement | XmlLeaf;

/** Longest text taken, in UTF-16 units. */
export const maxXmlLength = 4 << 20;
/** Deepest nesting taken; libvirt's own documents stay under 12. */
export const maxXmlDepth = 200;

/** Lines of a text, for many questions about it: one pass, then a binary search each. */
export function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    for (let high = starts.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

/** 1-based line and column of an offset, for a single question. */
export function lineColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return { line, column: offset - start + 1 };
}

function invalid(text: string, offset: number, reason: string): GuesthouseError {
  const { line, column } = lineColumn(text, offset);
  return new GuesthouseError('xml-invalid', 'The XML is not well formed.', {
    why: `Line ${line}, column ${column}: ${reason}`,
    todo: 'Mend the line named and try again.',
  });
}

/** Parses strictly: saxes judges well-formedness and namespaces, then {@link scanXml} finds the spans. */
export function parseXml(text: string): XmlElement {
  if (text.length > maxXmlLength)
    throw new GuesthouseError('xml-invalid', 'The XML is too long.', {
      why: `Line 1, column 1: ${text.length} characters, at most ${maxXmlLength} are read.`,
    });
  judge(text);
  return scanXml(text);
}

function judge(text: string): void {
  const parser = new SaxesParser({ xmlns: true, position: true });
  let depth = 0;
  let error: GuesthouseError | null = null;
  const fail = (reason: string, offset = parser.position) => {
    error ??= invalid(text, Math.min(offset, text.length), reason);
    throw error;
  };
  parser.on('error', (cause) => fail(cause.message.replace(/^\d+:\d+:\s*/, '').replace(/\.$/, '')));
  parser.on('doctype', (doctype) => {
    // An internal subset can declare entities: the way to entity bombs and to reading files.
    if (/[[\]]/.test(doctype)) fail('a DOCTYPE with declarations of its own is refused');
  });
  parser.on('xmldecl', (decl) => {
    if (decl.version !== undefined && decl.version !== '1.0') fail(`XML version ${decl.version} is not read`);
  });
  parser.on('opentagstart', () => {
    if (++depth > maxXmlDepth) fail(`more than ${maxXmlDepth} elements inside each other`);
  });
  parser.on('closetag', () => {
    depth--;
  });
  parser.write(text).close();
  if (error) throw error;
}

const predefined: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Resolves character references and the five predefined entities. Unknown ones were refused before. */
export function decodeEntities(raw: string): string {
  if (!raw.includes('&')) return raw;
  return raw.replace(/&(#x[0-9a-fA-F]+|#[0-9]+|\w+);/g, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number.parseInt(name.slice(1), 10));
    return predefined[name] ?? whole;
  });
}

type Building = { -readonly [K in keyof XmlElement]: XmlElement[K] } & {
  children: XmlNode[];
  attributes: XmlAttribute[];
  parent: Building | null;
};

const rootScope: ReadonlyMap<string, string> = new Map([['xml', 'http://www.w3.org/XML/1998/namespace']]);
// By character codes and without objects: an edit scans its text anew, and a batch of clones is hundreds of edits.
const isSpace = (code: number) => code === 32 || code === 10 || code === 9 || code === 13;

function endOfName(text: string, from: number): number {
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at);
    if (isSpace(code) || code === 61 /* = */ || code === 62 /* > */ || code === 47 /* / */) return at;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Ends of lines as a parser hands them on (XML 1.0, 2.11). */
function newlines(raw: string): string {
  return raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw;
}

/** Builds the tree with spans. Relies on the text being well formed. */
export function scanXml(text: string): XmlElement {
  let at = 0;
  let root: Building | null = null;
  let open: Building | null = null;
  const leaf = (kind: XmlLeaf['kind'], end: number, value: string) => {
    open?.children.push({ kind, span: { start: at, end }, value });
    at = end;
  };
  while (at < text.length) {
    if (text[at] !== '<') {
      const next = text.indexOf('<', at);
      const end = next === -1 ? text.length : next;
      const raw = text.slice(at, end);
      leaf('text', end, decodeEntities(raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw));
    } else if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 4) + 3;
      leaf('comment', end, text.slice(at, end));
    } else if (text.startsWith('<![CDATA[', at)) {
      const end = text.indexOf(']]>', at + 9) + 3;
      leaf('cdata', end, newlines(text.slice(at + 9, end - 3)));
    } else if (text.startsWith('<?', at)) {
      const end = text.indexOf('?>', at + 2) + 2;
      leaf('pi', end, text.slice(at, end));
    } else if (text.startsWith('<!', at)) {
      at = endOfDoctype(text, at);
    } else if (text.startsWith('</', at)) {
      open!.closeStart = at;
      at = text.indexOf('>', at) + 1;
      open!.span = { start: open!.span.start, end: at };
      open = open!.parent;
    } else {
      const element = scanStartTag(text, at, open);
      at = element.openEnd;
      if (open) open.children.push(element);
      else root = element;
      if (!element.selfClosing) open = element;
    }
  }
  if (!root) throw invalid(text, 0, 'there is no element');
  return root;
}

function endOfDoctype(text: string, at: number): number {
  let quote = '';
  for (let i = at; i < text.length; i++) {
    const c = text[i]!;
    if (quote) {
      if (c === quote) quote = '';
    } else if (c === '"' || c === "'") quote = c;
    else if (c === '>') return i + 1;
  }
  return text.length;
}

function scanStartTag(text: string, start: number, parent: Building | null): Building {
  const tagEnd = endOfName(text, start + 1);
  const name = text.slice(start + 1, tagEnd);
  const attributes: XmlAttribute[] = [];
  let scope = parent ? parent.scope : rootScope;
  let at = skipSpace(text, tagEnd);
  while (text[at] !== '>' && text[at] !== '/') {
    const end = endOfName(text, at);
    const quoteAt = skipSpace(text, skipSpace(text, end) + 1);
    const quote = text[quoteAt] as '"' | "'";
    const close = text.indexOf(quote, quoteAt + 1);
    const attribute = text.slice(at, end);
    const value = decodeEntities(text.slice(quoteAt + 1, close).replace(/\r\n|[\t\n\r]/g, ' '));
    if (attribute === 'xmlns' || attribute.startsWith('xmlns:'))
      scope = new Map(scope).set(attribute === 'xmlns' ? '' : attribute.slice(6), value);
    attributes.push({
      name: attribute,
      local: attribute,
      ns: '',
      value,
      span: { start: at, end: close + 1 },
      valueSpan: { start: quoteAt + 1, end: close },
      quote,
    });
    at = skipSpace(text, close + 1);
  }
  const selfClosing = text[at] === '/';
  const openEnd = at + (selfClosing ? 2 : 1);
  const colon = name.indexOf(':');
  return {
    kind: 'element',
    name,
    local: colon === -1 ? name : name.slice(colon + 1),
    ns: scope.get(colon === -1 ? '' : name.slice(0, colon)) ?? '',
    parent,
    // Only here is the element's whole scope known.
    attributes: attributes.map((a) => (a.name.includes(':') ? withNamespace(a, scope) : a)),
    children: [],
    span: { start, end: openEnd },
    nameEnd: tagEnd,
    openEnd,
    closeStart: openEnd,
    selfClosing,
    scope,
  };
}

function withNamespace(attribute: XmlAttribute, scope: ReadonlyMap<string, string>): XmlAttribute {
  const colon = attribute.name.indexOf(':');
  return {
    ...attribute,
    local: attribute.name.slice(colon + 1),
    ns: scope.get(attribute.name.slice(0, colon)) ?? '',
  };
}

interface ChildIndex {
  readonly all: readonly XmlElement[];
  readonly byName: ReadonlyMap<string, readonly XmlElement[]>;
}
/** A tree never changes once it is scanned: its children are sorted by name once, not at every look. */
const indexes = new WeakMap<XmlElement, ChildIndex>();
const none: readonly XmlElement[] = [];

function indexOf(parent: XmlElement): ChildIndex {
  const known = indexes.get(parent);
  if (known) return known;
  const all = parent.children.filter((c): c is XmlElement => c.kind === 'element');
  const byName = new Map<string, XmlElement[]>();
  for (const child of all) {
    const key = `${child.local} ${child.ns}`;
    const same = byName.get(key);
    if (same) same.push(child);
    else byName.set(key, [child]);
  }
  const index = { all, byName };
  indexes.set(parent, index);
  return index;
}

/** The elements among the children, optionally of one name (in no namespace unless `ns` is given). */
export function childElements(parent: XmlElement, local?: string, ns = ''): readonly XmlElement[] {
  const { all, byName } = indexOf(parent);
  return local === undefined ? all : (byName.get(`${local} ${ns}`) ?? none);
}

/** Text and CDATA directly inside, joined. */
export function textOf(element: XmlElement): string {
  let all = '';
  for (const child of element.children)
    if (child.kind === 'text' || child.kind === 'cdata') all += child.value;
  return all;
}

export function attributeOf(element: XmlElement, local: string, ns = ''): XmlAttribute | undefined {
  return element.attributes.find((a) => a.local === local && a.ns === ns && !a.name.startsWith('xmlns'));
}
