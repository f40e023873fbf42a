import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../platform/exec.ts';
import { completeDomain, Domain, domainProps, metaProps } from './index.ts';
import { elementDocuments, foreignDocuments } from './testing.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-el-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const valid = async (name: string, text: string) => {
  const file = path.join(dir, `${name}.xml`);
  writeFileSync(file, text);
  const { code, stderr } = await run(['virt-xml-validate', file, 'domain'], { okCodes: [0, 3, 4, 5] });
  expect(code, `${name}: ${stderr}`).toBe(0);
};

describe('machines from elsewhere', () => {
  for (const { name, text } of foreignDocuments())
    it(`${name} is valid before and after the edits a person makes`, async () => {
      await valid(name, text);
      const edited = completeDomain(Domain.parse(text))
        .set(domainProps.name, 'renamed')
        .set(domainProps.title, 'A <title> & more')
        .set(domainProps.uuid, '6a0e1f00-0000-4000-8000-0000000000bb')
        .set(domainProps.memory, 1536 * 2 ** 20)
        .set(domainProps.currentMemory, 1024 * 2 ** 20)
        .set(domainProps.vcpu, 4)
        .set(metaProps.sshUser, 'debian');
      await valid(name, edited.text);
    });
});

describe('the small documents', () => {
  // They are to show what people bring along: a document that libvirt refuses would prove nothing.
  for (const { name, text } of elementDocuments())
    it(`${name} is valid by libvirt’s schema`, () => valid(name, text));
});
