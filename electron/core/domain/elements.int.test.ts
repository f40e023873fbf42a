import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../platform/exec.ts';
import { elementDocuments } from './testing.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-el-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('the small documents', () => {
  // They are to show what people bring along: a document that libvirt refuses would prove nothing.
  for (const { name, text } of elementDocuments())
    it(`${name} is valid by libvirt’s schema`, async () => {
      const file = path.join(dir, `${name}.xml`);
      writeFileSync(file, text);
      const { code, stderr } = await run(['virt-xml-validate', file, 'domain'], { okCodes: [0, 3, 4, 5] });
      expect(code, stderr).toBe(0);
    });
});
