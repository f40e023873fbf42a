import { attributeOrder, childOrder } from './properties/lists.ts';
import { declared, namespaces, type Property, type Step, unitBytes } from './properties/types.ts';
import {
  applySplice,
  el,
  insertElement,
  type NewElement,
  removeAttribute,
  removeElement,
  setAttribute,
  setText,
} from './xml/edit.ts';
import { attributeOf, childElements, textOf, type XmlElement } from './xml/parse.ts';

/** The child a step leads to, or null. */
export function follow(element: XmlElement, step: Step): XmlElement | null {
  for (const child of childElements(element, step.local, namespaces[step.prefix]))
    if (!step.where || attributeOf(child, step.where.attribute)?.value === step.where.value) return child;
  return null;
}

/** The element at the end of the steps, or the deepest there is with the steps that are missing. */
export function reach(
  from: XmlElement,
  steps: readonly Step[],
): { element: XmlElement; missing: readonly Step[] } {
  let element = from;
  for (let i = 0; i < steps.length; i++) {
    const next = follow(element, steps[i]!);
    if (!next) return { element, missing: steps.slice(i) };
    element = next;
  }
  return { element, missing: [] };
}

/** Reads a property below `from` (the domain or a list's item). Null: not there, or no such value. */
export function readProperty<T>(from: XmlElement, property: Property<T>): T | null {
  const { element, missing } = reach(from, property.steps);
  const there = missing.length === 0;
  switch (property.place.kind) {
    case 'presence':
      return there as T;
    case 'attribute': {
      const found = there ? attributeOf(element, property.place.name) : undefined;
      return found ? property.type.read(found.value) : null;
    }
    case 'text':
      return there ? property.type.read(textOf(element)) : null;
    case 'memory': {
      if (!there) return null;
      const number = property.type.read(textOf(element)) as number | null;
      const factor = unitBytes[attributeOf(element, 'unit')?.value ?? property.place.defaultUnit];
      return (number === null || factor === undefined ? null : number * factor) as T | null;
    }
  }
}

/** The text a property's value is read from, or null when it is not there. */
export function rawProperty(from: XmlElement, property: Property<unknown>): string | null {
  if (!isWritten(from, property)) return null;
  const { element } = reach(from, property.steps);
  return property.place.kind === 'attribute'
    ? (attributeOf(element, property.place.name)?.value ?? null)
    : textOf(element);
}

/** True when the element or attribute stands in the text, readable or not. */
export function isWritten(from: XmlElement, property: Property<unknown>): boolean {
  const { element, missing } = reach(from, property.steps);
  if (missing.length > 0) return false;
  if (property.place.kind === 'attribute') return attributeOf(element, property.place.name) !== undefined;
  return element !== from || textOf(element) !== ''; // a list's item is there anyway: its text counts
}

function insertBehind(parent: XmlElement, local: string): XmlElement | null {
  const order = childOrder[parent.local];
  const children = childElements(parent);
  const own = order?.indexOf(local) ?? -1;
  if (own === -1) return children.at(-1) ?? null;
  let after: XmlElement | null = null;
  for (const child of children) {
    const at = order!.indexOf(child.local);
    if (at !== -1 && at <= own) after = child;
  }
  return after;
}

function qualified(
  parent: XmlElement,
  prefix: string,
  local: string,
): { name: string; xmlns: Record<string, string> } {
  if (prefix === '') return { name: local, xmlns: {} };
  const uri = namespaces[prefix]!;
  for (const [bound, ns] of parent.scope)
    if (ns === uri && bound !== '') return { name: `${bound}:${local}`, xmlns: {} };
  return { name: `${prefix}:${local}`, xmlns: { [`xmlns:${prefix}`]: uri } };
}

/** The missing steps as nested new elements, the last of which carries `attributes` and `children`. */
export function nest(
  parent: XmlElement,
  missing: readonly Step[],
  attributes: Record<string, string>,
  children: readonly (NewElement | string)[],
): NewElement {
  const [first, ...rest] = missing;
  const { name, xmlns } = qualified(parent, first!.prefix, first!.local);
  const where = first!.where ? { [first!.where.attribute]: first!.where.value } : {};
  if (rest.length === 0) return el(name, { ...xmlns, ...where, ...attributes }, ...children);
  // Below a new element of ours, the prefix it declared is in scope.
  const scope = new Map(parent.scope);
  for (const [key, uri] of Object.entries(xmlns)) scope.set(key.slice(6), uri);
  return el(name, { ...xmlns, ...where }, nest({ ...parent, scope }, rest, attributes, children));
}

/** The text with a new element under `parent`, in libvirt's order. */
export function insertOrdered(text: string, parent: XmlElement, local: string, element: NewElement): string {
  return insertAllOrdered(text, [{ parent, element }], local);
}

/** As {@link insertOrdered}, for many parents at once, none inside another. */
export function insertAllOrdered(
  text: string,
  all: readonly { readonly parent: XmlElement; readonly element: NewElement }[],
  local: string,
): string {
  return all
    .map(({ parent, element }) => insertElement(text, parent, insertBehind(parent, local), element))
    .sort((a, b) => b.at - a.at)
    .reduce(applySplice, text);
}

/** The text with the property set; null takes it away. */
export function writeProperty<T>(
  text: string,
  from: XmlElement,
  property: Property<T>,
  value: T | null,
): string {
  if (value === null || (property.place.kind === 'presence' && value === false))
    return unset(text, from, property);
  const { element, missing } = reach(from, property.steps);
  const make = (attributes: Record<string, string>, ...children: string[]) =>
    insertOrdered(text, element, missing[0]!.local, nest(element, missing, attributes, children));
  const there = missing.length === 0;
  switch (property.place.kind) {
    case 'presence':
      return there ? text : make({});
    case 'attribute': {
      const { name } = property.place;
      const written = property.type.write(value, there ? attributeOf(element, name)?.value : undefined);
      return there
        ? applySplice(text, setAttribute(text, element, name, written, attributeOrder[element.local]))
        : make({ [name]: written });
    }
    case 'text': {
      const written = property.type.write(value);
      return there
        ? applySplice(text, setText(text, element, written, property.type.trims))
        : make({}, written);
    }
    case 'memory':
      return there
        ? writeMemory(text, element, value as number, property.place.defaultUnit)
        : make({ unit: 'KiB' }, wholeKiB(value as number));
  }
}

function wholeKiB(bytes: number): string {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`${bytes} is no number of bytes`);
  return String(Math.ceil(bytes / 1024));
}

/** Keeps the unit where the value is a whole number of it, else goes to KiB. */
function writeMemory(text: string, element: XmlElement, bytes: number, defaultUnit: string): string {
  const factor = unitBytes[attributeOf(element, 'unit')?.value ?? defaultUnit];
  if (factor !== undefined && Number.isSafeInteger(bytes / factor))
    return applySplice(text, setText(text, element, String(bytes / factor), true));
  // The text stands behind the attribute: changing it first keeps the attribute's offsets right.
  const changed = applySplice(text, setText(text, element, wholeKiB(bytes), true));
  return applySplice(changed, setAttribute(changed, element, 'unit', 'KiB'));
}

function unset(text: string, from: XmlElement, property: Property<unknown>): string {
  const { element, missing } = reach(from, property.steps);
  if (missing.length > 0) return text;
  if (element === from && property.place.kind === 'text')
    return applySplice(text, setText(text, element, '', false));
  if (property.place.kind !== 'attribute')
    return element === from ? text : applySplice(text, removeElement(text, emptyWithout(element, from)));
  const { name } = property.place;
  const splice = removeAttribute(text, element, name);
  if (!splice) return text;
  const bare =
    element !== from &&
    element.attributes.every((a) => isDeclaration(a.name) || (a.local === name && a.ns === '')) &&
    element.children.every((c) => c.kind === 'text' && c.value.trim() === '') &&
    !meansSomethingEmpty(element);
  return applySplice(text, bare ? removeElement(text, emptyWithout(element, from)) : splice);
}

const isDeclaration = (name: string) => name === 'xmlns' || name.startsWith('xmlns:');

/** Attributes that only tell one element from others of its name: written with it, and nothing without it. */
const selectors = new Set(
  [...declared.values()].flatMap(({ steps }) =>
    steps.flatMap(({ local, where }) => (where ? [`${local}@${where.attribute}`] : [])),
  ),
);

/** The outermost element below `from` that would be left with nothing in it if `element` went. */
function emptyWithout(element: XmlElement, from: XmlElement): XmlElement {
  let outer = element;
  for (let above = outer.parent; above && above !== from && above.parent; above = above.parent) {
    const inner = outer;
    const bare =
      above.attributes.every((a) => isDeclaration(a.name) || selectors.has(`${above!.local}@${a.local}`)) &&
      above.children.every((c) => c === inner || (c.kind === 'text' && c.value.trim() === '')) &&
      !meansSomethingEmpty(above);
    if (!bare) break;
    outer = above;
  }
  return outer;
}

/** Elements whose presence is a statement in itself. */
function meansSomethingEmpty(element: XmlElement): boolean {
  for (const { place, steps } of declared.values())
    if (place.kind === 'presence' && steps.at(-1)?.local === element.local) return true;
  return element.local === 'devices';
}
