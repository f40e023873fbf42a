import { Finder, pathOf } from './problems-finder.ts';
import { type ListName, listNames, listSteps } from './properties/lists.ts';
import { declared, namespaces, type Property } from './properties/types.ts';
import { reasons, silent } from './reasons.ts';
import type { XmlElement } from './xml/parse.ts';

/** What is in no table of properties, what a run does not honour, and values that cannot be read. */
export class UnknownFinder extends Finder {
  /** Elements and attributes that are in no table. Below an unknown element nothing more is said. */
  unknown(element: XmlElement, where: string): void {
    for (const attribute of element.attributes) {
      const here = `${where}@${attribute.local}`;
      if (attribute.name.startsWith('xmlns') || attribute.ns !== '' || known.has(here) || isSilent(here))
        continue;
      this.add(attribute.span.start, here, `the attribute has no effect here`);
    }
    for (const child of element.children) {
      if (child.kind !== 'element') continue;
      // Each level of a backing chain is read as the first one is.
      const deeper = child.local === 'backingStore' && where.endsWith('/backingStore');
      const here = deeper ? where : where === '' ? child.local : `${where}/${child.local}`;
      if (where === '' && child.ns !== '') this.foreign(child);
      else if (child.ns !== '' || isSilent(here) || isSilentAudio(child, here)) continue;
      else if (known.has(here)) this.unknown(child, here);
      else
        this.add(
          child.span.start,
          here,
          reasons[here] ?? 'Guesthouse does not know this element: it is kept and has no effect',
        );
    }
  }

  private foreign(element: XmlElement): void {
    if (element.ns === namespaces.qemu)
      this.add(
        element.span.start,
        element.name,
        'QEMU would be given arguments from this file: they are kept in the XML and not passed on',
        element.name,
      );
    else
      this.add(
        element.span.start,
        element.name,
        'an extension of another program: it is kept and has no effect',
      );
  }

  /** Declared properties that a run does not honour, and values of them that are none it knows. */
  ignored(): void {
    const { domain } = this;
    for (const property of declared.values()) {
      const count = property.list === null ? 1 : domain.count(property.list as ListName);
      for (let i = 0; i < count; i++) {
        const raw = domain.raw(property, i);
        if (raw === null) continue;
        const value = domain.get(property, i);
        if (value === null) this.unreadable(property, i, raw);
        else if (property.ignored !== null && !property.fine(value, i))
          this.add(this.at(property, i), pathOf(property), property.ignored);
      }
    }
  }

  /** Such a value counts as unset. Several properties may read one place, each its own kind of value. */
  private unreadable(property: Property<unknown>, i: number, raw: string): void {
    const where = pathOf(property);
    const { domain } = this;
    if (raw.trim() === '' && property.place.kind === 'text') return;
    for (const other of byPath.get(where)!) if (domain.get(other, i) !== null) return;
    const at = this.at(property, i);
    if (this.found.some((one) => one.at === at && one.path === where)) return;
    const short = JSON.stringify(raw.trim().slice(0, 60));
    this.add(at, where, `the value ${short} is not known here: it counts as if it were not there`);
  }
}

/** Paths of the property table, with the elements on the way and the attributes that steps pick by. */
const known = new Set<string>();
const byPath = new Map<string, Property<unknown>[]>();
for (const property of declared.values()) {
  const full = pathOf(property);
  byPath.set(full, [...(byPath.get(full) ?? []), property]);
  const elements = full.split('@')[0]!;
  known.add(full);
  elements.split('/').forEach((_, i, all) => {
    known.add(all.slice(0, i + 1).join('/'));
  });
  const from = property.list === null ? 0 : listSteps[property.list as ListName].length;
  property.steps.forEach((step, i) => {
    if (step.where)
      known.add(
        `${elements
          .split('/')
          .slice(0, from + i + 1)
          .join('/')}@${step.where.attribute}`,
      );
  });
  if (property.place.kind === 'memory') known.add(`${full}@unit`);
}
for (const list of listNames) known.add(listSteps[list].map((s) => s.local).join('/'));

/** libvirt writes this for every guest with a screen. */
function isSilentAudio(element: XmlElement, where: string): boolean {
  return (
    where === 'devices/audio' && element.attributes.some((a) => a.local === 'type' && a.value === 'none')
  );
}

function isSilent(where: string): boolean {
  return silent.some((pattern) => pattern.test(where));
}
