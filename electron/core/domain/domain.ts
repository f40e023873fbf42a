import { GuesthouseError } from '../../../shared/errors.ts';
import {
  insertAllOrdered,
  insertOrdered,
  isWritten,
  nest,
  rawProperty,
  reach,
  readProperty,
  writeProperty,
} from './access.ts';
import { domainProps } from './properties/domain.ts';
import { type ListName, listSteps } from './properties/lists.ts';
import { namespaces, type Property } from './properties/types.ts';
import {
  type DomainDisk,
  type DomainInterface,
  type DomainMetadata,
  disksOf,
  type GuestKind,
  interfacesOf,
  kindOf,
  metadataOf,
} from './views.ts';
import {
  applySplice,
  insertElement,
  type NewElement,
  removeElement,
  type Splice,
  spliceBetween,
} from './xml/edit.ts';
import { childElements, lineColumn, lineFinder, parseXml, scanXml, type XmlElement } from './xml/parse.ts';

/** What was edited since the text was parsed, so that setting a value back finds the very bytes again. */
interface History {
  readonly base: Domain;
  /** Original value by property and item, or a list's original text. */
  readonly touched: ReadonlyMap<string, Touched>;
  /** The net change of each property still apart from the others, in offsets of the current text. */
  readonly changes: ReadonlyMap<string, Splice>;
}
type Touched =
  | {
      readonly kind: 'property';
      readonly property: Property<unknown>;
      readonly index: number;
      readonly value: unknown;
      readonly written: boolean;
    }
  | { readonly kind: 'list'; readonly list: ListName; readonly text: string };

/**
 * A libvirt domain: its XML text, kept byte for byte, and typed access through the property table. Immutable:
 * every edit gives a new Domain.
 */
export class Domain {
  readonly text: string;
  /** The tree of the text. For reading positions; values are read through properties. */
  readonly root: XmlElement;
  readonly #history: History | null;
  // Looked up once, as the text never changes.
  #lines: ((offset: number) => number) | null = null;
  #disks: readonly DomainDisk[] | null = null;

  private constructor(text: string, root: XmlElement, history: History | null) {
    this.text = text;
    this.root = root;
    this.#history = history;
  }

  /**
   * @param text the whole document; a BOM and CRLF are kept
   * @throws {GuesthouseError} `xml-invalid` with line and column
   */
  static parse(text: string): Domain {
    const root = parseXml(text);
    if (root.local !== 'domain' || root.ns !== '') {
      const { line, column } = lineColumn(text, root.span.start);
      throw new GuesthouseError('xml-invalid', 'This XML is no libvirt domain.', {
        why: `Line ${line}, column ${column}: the first element is <${root.name}>, not <domain>.`,
        todo: 'Choose a file as `virsh dumpxml` writes it.',
      });
    }
    return new Domain(text, root, null);
  }

  /** A text of our own making: valid by construction, so that only its spans are looked for. */
  static #own(text: string): Domain {
    return new Domain(text, scanXml(text), null);
  }

  /** How many items a list has. */
  count(list: ListName): number {
    return this.items(list).length;
  }

  /** A list's elements in document order. */
  items(list: ListName): readonly XmlElement[] {
    const steps = listSteps[list];
    const last = steps.at(-1)!;
    const { element, missing } = reach(this.root, steps.slice(0, -1));
    return missing.length > 0 ? [] : childElements(element, last.local, namespaces[last.prefix]);
  }

  /** A property's value; null when unset or unreadable. `index` picks the item of the property's list. */
  get<T>(property: Property<T>, index = 0): T | null {
    const from = this.#from(property, index);
    return from ? readProperty(from, property) : null;
  }

  /** True when the property stands in the text, even if its value cannot be read. */
  has(property: Property<unknown>, index = 0): boolean {
    const from = this.#from(property, index);
    return from !== null && isWritten(from, property);
  }

  /** A property's text as written (entities resolved), readable or not; null when it is not there. */
  raw(property: Property<unknown>, index = 0): string | null {
    const from = this.#from(property, index);
    return from ? rawProperty(from, property) : null;
  }

  /** UTF-16 offset of a property, or of the nearest element around the place it would have. */
  offset(property: Property<unknown>, index = 0): number | null {
    const from = this.#from(property, index);
    return from ? reach(from, property.steps).element.span.start : null;
  }

  /** The 1-based line a property or the item it belongs to stands on; null when it is not there. */
  line(property: Property<unknown>, index = 0): number | null {
    const offset = this.offset(property, index);
    return offset === null ? null : this.lineAt(offset);
  }

  /** The 1-based line of an offset in the text. */
  lineAt(offset: number): number {
    this.#lines ??= lineFinder(this.text);
    return this.#lines(offset);
  }

  #from(property: Property<unknown>, index: number): XmlElement | null {
    return property.list === null ? this.root : (this.items(property.list as ListName)[index] ?? null);
  }

  /**
   * Sets a property; null takes it away. A value that is already there changes no byte; one that was there when
   * the text was parsed comes back as it was written.
   * @throws {GuesthouseError} `invalid-input` when the value cannot be written, `not-found` for a missing item
   */
  set<T>(property: Property<T>, value: T | null, index = 0): Domain {
    const from = this.#from(property, index);
    if (!from)
      throw new GuesthouseError('not-found', `There is no ${property.list} number ${index + 1}.`, {
        why: `${property.key} belongs to one.`,
      });
    const current = readProperty(from, property);
    const written = isWritten(from, property);
    if (current === value && (value !== null || !written)) return this;
    const key = `${property.key}#${index}`;
    const touched = new Map(this.#history?.touched);
    if (!touched.has(key) && !touched.has(`list:${property.list}`)) {
      const base = this.#history?.base ?? this;
      touched.set(key, {
        kind: 'property',
        property: property as Property<unknown>,
        index,
        value: base.get(property, index),
        written: base.has(property, index),
      });
    }
    const undo = this.#history?.changes.get(key);
    if (undo) {
      const restored = Domain.#own(applySplice(this.text, reverse(undo)));
      // A text that was there and is no value read as null: that is what it is set back to.
      const first = touched.get(key);
      const unreadable = first?.kind === 'property' && first.written && first.value === null;
      const same = value !== null || unreadable || !restored.has(property, index);
      if (restored.get(property, index) === value && same) return this.#next(restored, touched, key, true);
    }
    return this.#next(Domain.#own(this.#write(property, from, value)), touched, key, false);
  }

  #write<T>(property: Property<T>, from: XmlElement, value: T | null): string {
    try {
      return writeProperty(this.text, from, property, value);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new GuesthouseError('invalid-input', `${property.key} cannot have this value.`, {
        why: `${cause.message}.`,
        cause,
      });
    }
  }

  /** Adds an item behind the item `after` of its list (default: the last one). */
  add(list: ListName, element: NewElement, after = this.count(list) - 1): Domain {
    const steps = listSteps[list];
    const last = steps.at(-1)!;
    const { element: parent, missing } = reach(this.root, steps.slice(0, -1));
    const holder = missing.length > 0 ? missing : [last];
    const item =
      missing.length > 0
        ? nest(parent, missing, {}, [nest({ ...parent, scope: scopeBelow(parent, missing) }, [last], {}, [])])
        : nest(parent, [last], {}, []);
    const filled = fill(item, element);
    const behind = this.items(list)[after];
    const text =
      behind && missing.length === 0
        ? applySplice(this.text, insertElement(this.text, parent, behind, filled))
        : insertOrdered(this.text, parent, holder[0]!.local, filled);
    return this.#listEdit(list, text);
  }

  /** Gives items of lists a new child element each, in one pass over the text. */
  fillIn(
    items: readonly { readonly list: ListName; readonly index: number }[],
    child: (at: number) => NewElement,
  ): Domain {
    if (items.length === 0) return this;
    const all = items.map(({ list, index }, at) => ({
      parent: this.items(list)[index]!,
      element: child(at),
    }));
    const text = insertAllOrdered(this.text, all, all[0]!.element.name);
    const [first, ...rest] = [...new Set(items.map(({ list }) => list))];
    return this.#listEdit(first!, text, rest);
  }

  /** Removes an item of a list. */
  remove(list: ListName, index: number): Domain {
    const item = this.items(list)[index];
    if (!item) throw new GuesthouseError('not-found', `There is no ${list} number ${index + 1}.`);
    return this.#listEdit(list, applySplice(this.text, removeElement(this.text, item)));
  }

  #listText(list: ListName): string {
    return JSON.stringify(this.items(list).map((item) => this.text.slice(item.span.start, item.span.end)));
  }

  #listEdit(list: ListName, text: string, more: readonly ListName[] = []): Domain {
    const touched = new Map(this.#history?.touched);
    for (const one of [list, ...more]) {
      const key = `list:${one}`;
      if (!touched.has(key))
        touched.set(key, { kind: 'list', list: one, text: (this.#history?.base ?? this).#listText(one) });
      // Items have moved: what was known of single ones is contained in the list's own text.
      for (const [other, entry] of touched)
        if (entry.kind === 'property' && entry.property.list === one) touched.delete(other);
    }
    return this.#next(Domain.#own(text), touched, `list:${list}`, true);
  }

  /** The domain after an edit: the very first text again when every touched thing has its first value. */
  #next(next: Domain, touched: ReadonlyMap<string, Touched>, key: string, forget: boolean): Domain {
    const base = this.#history?.base ?? this;
    const { text } = next;
    const back = [...touched.values()].every((entry) =>
      entry.kind === 'list'
        ? next.#listText(entry.list) === entry.text
        : next.get(entry.property, entry.index) === entry.value &&
          next.has(entry.property, entry.index) === entry.written,
    );
    if (back) return base;
    const splice = spliceBetween(this.text, text);
    const changes = new Map<string, Splice>();
    for (const [other, change] of this.#history?.changes ?? []) {
      if (other === key || !splice) continue;
      const moved = moveBy(change, splice);
      if (moved) changes.set(other, moved);
    }
    if (!forget) {
      const earlier = this.#history?.changes.get(key);
      const whole = earlier ? spliceBetween(applySplice(this.text, reverse(earlier)), text) : splice;
      if (whole) changes.set(key, whole);
    }
    return new Domain(text, next.root, { base, touched, changes });
  }

  get uuid(): string | null {
    return this.get(domainProps.uuid);
  }

  get name(): string {
    return this.get(domainProps.name) ?? '';
  }

  /** Memory the guest starts with, in MiB, rounded down; 0 when the XML says none. */
  get memoryMiB(): number {
    return Math.floor((this.get(domainProps.memory) ?? 0) / 2 ** 20);
  }

  /** Processors the guest starts with. */
  get vcpus(): number {
    return this.get(domainProps.vcpuCurrent) ?? this.get(domainProps.vcpu) ?? 1;
  }

  /** How hardware is presented: what the metadata says, else told from the machine and the disks' bus. */
  get kind(): GuestKind {
    return kindOf(this);
  }

  disks(): readonly DomainDisk[] {
    this.#disks ??= disksOf(this);
    return this.#disks;
  }

  interfaces(): DomainInterface[] {
    return interfacesOf(this);
  }

  /** What stands in our own namespace. */
  get metadata(): DomainMetadata {
    return metadataOf(this);
  }

  /** Several edits in turn. */
  with(...edits: ((domain: Domain) => Domain)[]): Domain {
    return edits.reduce<Domain>((domain, edit) => edit(domain), this);
  }
}

function reverse({ at, removed, inserted }: Splice): Splice {
  return { at, removed: inserted, inserted: removed };
}

/** A change as it stands after `splice`, or null when the two touch. */
function moveBy(change: Splice, splice: Splice): Splice | null {
  if (splice.at > change.at + change.inserted.length) return change;
  if (splice.at + splice.removed.length < change.at)
    return { ...change, at: change.at + splice.inserted.length - splice.removed.length };
  return null;
}

/** Puts the attributes and children of `element` into the innermost element of `nested`. */
function fill(nested: NewElement, element: NewElement): NewElement {
  const [child] = nested.children;
  if (child !== undefined && typeof child !== 'string')
    return { ...nested, children: [fill(child, element)] };
  return {
    ...nested,
    attributes: { ...nested.attributes, ...element.attributes },
    children: element.children,
  };
}

function scopeBelow(parent: XmlElement, missing: readonly { prefix: string }[]): Map<string, string> {
  const scope = new Map(parent.scope);
  for (const { prefix } of missing)
    if (prefix !== '' && ![...scope.values()].includes(namespaces[prefix]!))
      scope.set(prefix, namespaces[prefix]!);
  return scope;
}
