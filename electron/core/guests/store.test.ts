import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { domainProps, newDomain } from '../domain/index.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { assertNameFree, folderName, GuestStore, nameOf } from './store.ts';

let home: TempHome;
let store: GuestStore;
const xml = (name: string) =>
  newDomain({ name, kind: 'hybrid', machine: 'pc-q35-7.2', memoryMiB: 64, vcpus: 1, disks: [] }).text;
const put = (id: string, text: string) => {
  mkdirSync(path.join(home.paths.guests, id));
  writeFileSync(path.join(home.paths.guests, id, 'domain.xml'), text);
};

beforeEach(() => {
  home = tempHome();
  store = new GuestStore(home.paths.guests, home.paths.staging);
});
afterEach(() => home.remove());

describe('GuestStore', () => {
  it('shows what is broken, with its line, and hides no other for it', async () => {
    put('good', xml('good'));
    put('tag', xml('tag').replace('</vcpu>', '</cpu>'));
    put('two-roots', `${xml('a')}${xml('b')}`);
    put(
      'bomb',
      `<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>${xml('x').replace('>x<', '>&b;<')}`,
    );
    put('unknown-entity', xml('x').replace('>x<', '>&nope;<'));
    put('huge', `${xml('x')}<!--${'x'.repeat(3 << 20)}-->`);
    put('binary', '\u0000\u0001');
    mkdirSync(path.join(home.paths.guests, 'empty'));
    writeFileSync(path.join(home.paths.guests, 'a-file'), '');
    symlinkSync('/etc', path.join(home.paths.guests, 'link'));
    const all = await store.list();
    expect(all.map((guest) => guest.id)).toEqual(
      ['bomb', 'binary', 'empty', 'good', 'huge', 'tag', 'two-roots', 'unknown-entity'].sort(),
    );
    for (const guest of all) {
      if (guest.id === 'good') expect(guest).toMatchObject({ problem: null });
      else expect(guest.domain, guest.id).toBeNull();
    }
    const problem = (id: string) => all.find((guest) => guest.id === id)!.problem!;
    for (const id of ['tag', 'two-roots', 'bomb', 'unknown-entity', 'binary']) {
      expect(problem(id).code, id).toBe('xml-invalid');
      expect(problem(id).why, id).toMatch(/[Ll]ine \d+/);
    }
    expect(problem('huge')).toMatchObject({ code: 'xml-invalid' });
    expect(problem('empty')).toMatchObject({ code: 'not-found' });
  });

  it('never leaves the library for an id', async () => {
    for (const id of ['../guests', '..', '.', '', 'a/b', '/etc', '.hidden'])
      await expect(store.read(id), id).rejects.toMatchObject({ code: 'not-found' });
  });

  it('keeps the text byte for byte, and an edit to its own span', async () => {
    const text = `<?xml version="1.0"?>\n<!-- mine -->\n${xml('one').replace("type='kvm'", "type = 'kvm'")}\n`;
    put('one', text);
    const { domain } = await store.read('one');
    await store.write('one', domain!.set(domainProps.name, 'two & three'));
    expect(readFileSync(path.join(home.paths.guests, 'one/domain.xml'), 'utf8')).toBe(
      text.replace('>one<', '>two &amp; three<'),
    );
  });

  it('makes a guest by one rename and takes it away by one', async () => {
    const staged = await store.stage('new-1');
    writeFileSync(path.join(staged, 'domain.xml'), xml('new'));
    expect(await store.list()).toEqual([]);
    expect(nameOf(await store.publish(staged, 'new-1'))).toBe('new');
    const again = await store.stage('new-1');
    await expect(store.publish(again, 'new-1')).rejects.toMatchObject({ code: 'name-taken' });
    await store.discard(again);
    const outside = path.join(home.home, 'outside');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'precious'), '');
    symlinkSync(outside, path.join(home.paths.guests, 'new-1', 'link'));
    await store.remove('new-1');
    expect(readdirSync(home.paths.staging)).toEqual([]);
    expect(readdirSync(outside)).toEqual(['precious']);
    await expect(store.discard(outside)).rejects.toThrow();
  });

  it('forgets half-made guests', async () => {
    const staged = await store.stage('half-1');
    writeFileSync(path.join(staged, 'disk'), '');
    await store.emptyStaging((file) => expect.fail(file));
    expect(readdirSync(home.paths.staging)).toEqual([]);
    rmSync(staged, { force: true });
  });

  it('names what cannot be removed from among them, and goes on', async () => {
    // Links of the kernel, which nobody may remove, root neither.
    const stuck = '/proc/self/ns';
    const stays: string[] = [];
    await new GuestStore(home.paths.guests, stuck).emptyStaging((file) => void stays.push(file));
    expect(stays.sort()).toEqual(
      readdirSync(stuck)
        .map((name) => path.join(stuck, name))
        .sort(),
    );
  });

  it('lets edits of one guest follow each other, also after one that failed', async () => {
    put('one', xml('one'));
    const append = (letter: string) =>
      store.inTurn('one', async () => {
        const { domain } = await store.read('one');
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (letter === '!') throw new Error('refused');
        await store.write('one', domain!.set(domainProps.name, `${domain!.get(domainProps.name)}${letter}`));
      });
    const done = await Promise.allSettled([append('a'), append('!'), append('b'), append('c')]);
    expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(nameOf(await store.read('one'))).toBe('oneabc');
  });
});

describe('names', () => {
  it('become folder names that any file system takes', () => {
    expect(folderName('Web One', '12345678-0000')).toBe('web-one-12345678');
    expect(folderName('🚀🚀', 'abcdef00-')).toBe('guest-abcdef00');
    expect(folderName('x'.repeat(80), 'abcdef00-').length).toBe(49);
    expect(folderName('../../etc', 'abcdef00-')).toBe('etc-abcdef00');
  });

  it('are compared as people see them', () => {
    expect(() => assertNameFree('WEB', ['web'])).toThrow(/already/);
    expect(() => assertNameFree('ﬁle', ['file'])).toThrow(/already/);
    expect(() => assertNameFree('web-2', ['web'])).not.toThrow();
  });
});
