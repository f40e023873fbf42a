import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withinFolders } from '../disks/index.ts';
import { DiskAuditor } from './audit.ts';

// Disks with nothing on them: that they cannot be read is an answer, and kept like any other.
let dir: string;
let cacheFile: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-'));
  cacheFile = path.join(dir, 'audit.json');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function machine(id: string) {
  const file = path.join(dir, `${id}.raw`);
  writeFileSync(file, Buffer.alloc(65536));
  return { id, disks: [{ path: file, format: 'raw' as const }], policy: withinFolders(dir) };
}
const auditor = () => new DiskAuditor(cacheFile, () => 1);
const kept = () => JSON.parse(readFileSync(cacheFile, 'utf8')) as { answers: Record<string, object> };

describe('what was read of disks', () => {
  it('is used again by the next start, until the disk changes', async () => {
    const subjects = [machine('a'), machine('b')];
    expect(await auditor().audit(subjects)).toMatchObject([{ cached: false }, { cached: false }]);
    expect(await auditor().audit(subjects)).toMatchObject([{ cached: true }, { cached: true }]);
    writeFileSync(subjects[1]!.disks[0]!.path, Buffer.alloc(65536 * 2));
    expect(await auditor().audit(subjects)).toMatchObject([{ cached: true }, { cached: false }]);
  });

  it('is not what an older file, or a broken one, says', async () => {
    const subjects = [machine('a')];
    await auditor().audit(subjects);
    const whole = kept();
    const facts = { source: 'disk', machineId: 'f'.repeat(32) };
    const [[id, answer]] = Object.entries(whole.answers) as [[string, object]];
    for (const old of [
      whole.answers, // before there were versions
      { ...whole, version: 0 },
      { ...whole, answers: { [id]: { ...answer, facts } } },
      'no JSON',
    ]) {
      writeFileSync(cacheFile, typeof old === 'string' ? old : JSON.stringify(old));
      expect(await auditor().lastKnown('a')).toBeNull();
      expect(await auditor().audit(subjects)).toMatchObject([{ cached: false, facts: null }]);
      expect(kept()).toEqual(whole);
    }
  });

  it('goes with the machine, and stays of one that cannot be read now', async () => {
    await auditor().audit([machine('a'), machine('runs'), machine('gone')]);
    await auditor().audit([machine('a')], { machines: new Set(['a', 'runs']) });
    expect(Object.keys(kept().answers)).toEqual(['a', 'runs']);
  });
});
