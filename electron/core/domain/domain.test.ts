import { describe, expect, it } from 'vitest';
import { GuesthouseError } from '../../../shared/errors.ts';
import {
  Domain,
  declared,
  domainProps,
  el,
  type ListName,
  listNames,
  metaProps,
  type Property,
} from './index.ts';
import { everyDomain } from './testing.ts';
import { spliceBetween } from './xml/edit.ts';

/** Every property with every item it can be set on. */
function* places(domain: Domain): Generator<[Property<unknown>, number]> {
  for (const property of declared.values()) {
    const count = property.list === null ? 1 : domain.count(property.list as ListName);
    for (let i = 0; i < count; i++) yield [property, i];
  }
}
/** Unset, or set to something that reads: what set() can put back. */
const readable = (domain: Domain, property: Property<unknown>, i: number) =>
  domain.get(property, i) !== null || !domain.has(property, i);

describe.each(everyDomain().map((d, n) => ({ ...d, n })))('in $name', ({ text, n }) => {
  const domain = Domain.parse(text);

  it('a value that is already there changes nothing', () => {
    for (const [property, i] of places(domain))
      if (readable(domain, property, i))
        expect(domain.set(property, domain.get(property, i), i)).toBe(domain);
  });

  it('any property set and set back gives the same bytes', () => {
    for (const [property, i] of places(domain)) {
      if (!readable(domain, property, i)) continue;
      const before = domain.get(property, i);
      for (const value of [property.type.samples[1], null]) {
        const changed = domain.set(property, value, i);
        if (value !== null) expect(changed.get(property, i), property.key).toEqual(value);
        else expect(changed.has(property, i), property.key).toBe(false);
        expect(changed.set(property, before, i).text, `${property.key} ${value}`).toBe(text);
      }
      const [one, two] = property.type.samples;
      const twice = domain.set(property, one, i).set(property, two, i);
      expect(twice.set(property, before, i).text, `${property.key} twice`).toBe(text);
    }
  });

  it('all properties set in turn and set back in any order give the same bytes', () => {
    const all = [...places(domain)].filter(([property, i]) => readable(domain, property, i));
    for (const order of [all, [...all].reverse()]) {
      let changed = domain;
      for (const [property, i] of all) changed = changed.set(property, property.type.samples[1], i);
      expect(Domain.parse(changed.text).text).toBe(changed.text);
      for (const [property, i] of order) changed = changed.set(property, domain.get(property, i), i);
      expect(changed.text).toBe(text);
    }
  });

  it('one edit touches one span, and no other property of the document', () => {
    const all = [...places(domain)];
    // An eighth of the properties for each document, another eighth for the next: all pairs take minutes.
    for (const [property, i] of all.filter((_, at) => (at + n) % 8 === 0)) {
      const [value] = property.type.samples;
      if (property.place.kind === 'presence' || domain.get(property, i) === value) continue;
      const changed = domain.set(property, value, i);
      const splice = spliceBetween(text, changed.text)!;
      expect(text.slice(0, splice.at)).toBe(changed.text.slice(0, splice.at));
      for (const [other, j] of all) {
        const related =
          other.list === property.list &&
          (j === i || other.list === null) &&
          (other.steps.at(-1)?.local === property.steps.at(-1)?.local ||
            other.steps.some((s) => s.local === property.steps.at(-1)?.local) ||
            other.place.kind === 'presence' ||
            other.place.kind === property.place.kind);
        if (!related)
          expect(changed.get(other, j), `${other.key} after ${property.key}`).toEqual(domain.get(other, j));
      }
    }
  });

  it('an item added and removed, and one removed, leave the rest as it was', () => {
    for (const list of listNames) {
      const added = domain.add(list, el('ignored', { type: 'sample' }, el('x')));
      expect(added.count(list), list).toBe(domain.count(list) + 1);
      expect(added.remove(list, added.count(list) - 1).text, list).toBe(text);
      for (let i = 0; i < domain.count(list); i++) {
        const less = domain.remove(list, i);
        expect(less.count(list)).toBe(domain.count(list) - 1);
        const splice = spliceBetween(text, less.text)!;
        expect(splice.inserted.length, list).toBeLessThanOrEqual(2);
      }
    }
  });
});

describe('Domain', () => {
  const small = "<domain type='kvm'>\n  <name>a</name>\n  <memory unit='MiB'>512</memory>\n</domain>\n";

  it('writes only what was set, where libvirt would', () => {
    const domain = Domain.parse(small)
      .set(domainProps.vcpu, 2)
      .set(domainProps.uuid, '11111111-2222-4333-8444-555555555555')
      .set(domainProps.memory, 1024 * 2 ** 20)
      .set(metaProps.sshUser, 'debian')
      .set(metaProps.sshPort, 2222);
    expect(domain.text).toBe(
      "<domain type='kvm'>\n  <name>a</name>\n  <uuid>11111111-2222-4333-8444-555555555555</uuid>\n" +
        "  <metadata>\n    <gh:guest xmlns:gh='urn:guesthouse:domain:1'>\n      <gh:ssh user='debian' host-port='2222'/>\n" +
        "    </gh:guest>\n  </metadata>\n  <memory unit='MiB'>1024</memory>\n  <vcpu>2</vcpu>\n</domain>\n",
    );
  });

  it('changes the unit only when it must', () => {
    const changed = Domain.parse(small).set(domainProps.memory, 512 * 2 ** 20 + 1024);
    expect(changed.text).toContain("<memory unit='KiB'>524289</memory>");
    expect(changed.set(domainProps.memory, 512 * 2 ** 20).text).toBe(small);
  });

  it('brings back a spelling of its own after another edit', () => {
    const text = "<domain type='kvm'><name>&#97;<![CDATA[b]]></name><title>t</title></domain>";
    const changed = Domain.parse(text).set(domainProps.name, 'x').set(domainProps.title, 'u');
    expect(changed.set(domainProps.name, 'ab').text).toBe(text.replace('>t<', '>u<'));
  });

  it('uses the prefix a document binds to our namespace', () => {
    const text = "<domain xmlns:g='urn:guesthouse:domain:1'><metadata><g:guest/></metadata></domain>";
    expect(Domain.parse(text).set(metaProps.sshUser, 'u').text).toContain(
      "<g:guest><g:ssh user='u'/></g:guest>",
    );
  });

  it('escapes what a value holds', () => {
    const domain = Domain.parse(small)
      .set(domainProps.title, '</title><x a="1">&')
      .set(metaProps.sshUser, `'"<&\n`);
    const again = Domain.parse(domain.text);
    expect(again.get(domainProps.title)).toBe('</title><x a="1">&');
    expect(again.get(metaProps.sshUser)).toBe(`'"<&\n`);
  });

  it('refuses what XML cannot hold and what is no such value', () => {
    const domain = Domain.parse(small);
    for (const edit of [
      () => domain.set(domainProps.title, 'a\u0000b'),
      () => domain.set(domainProps.title, '\ud800'),
      () => domain.set(domainProps.vcpu, 1.5),
      () => domain.set(domainProps.machine, 'pc,accel=kvm'),
      () => domain.set(domainProps.uuid, 'no'),
    ]) {
      let error: unknown;
      try {
        edit();
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(GuesthouseError);
      expect((error as GuesthouseError).code).toBe('invalid-input');
    }
  });

  it('refuses a root that is no domain', () => {
    expect(() => Domain.parse('<network/>')).toThrow(GuesthouseError);
    expect(() => Domain.parse("<domain xmlns='urn:x'/>")).toThrow(GuesthouseError);
  });

  it('tells the kind of a guest that does not say it', () => {
    const kind = (os: string, disk: string) =>
      Domain.parse(`<domain><os>${os}</os><devices>${disk}</devices></domain>`).kind;
    expect(kind("<type machine='microvm'>hvm</type>", '')).toBe('paravirtual');
    expect(kind("<type machine='pc'>hvm</type>", "<disk><target dev='hda' bus='ide'/></disk>")).toBe('full');
    expect(kind("<type machine='q35'>hvm</type>", "<disk><target dev='vda'/></disk>")).toBe('hybrid');
  });
});
