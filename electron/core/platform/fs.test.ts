import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { syncDir, syncFolder } from './fs.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'gh-fs-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('flushing', () => {
  it('of one folder is shared by those who ask meanwhile, and each hears how it ended', async () => {
    const first = syncDir(dir);
    const [second, third] = [syncDir(dir), syncDir(dir)];
    expect(second).not.toBe(first); // what runs already may have begun before their rename
    expect(third).toBe(second);
    await Promise.all([first, second, third]);
    expect(syncDir(dir)).not.toBe(second);
    const gone = path.join(dir, 'gone');
    const results = await Promise.allSettled([syncDir(gone), syncDir(gone), syncDir(dir)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    mkdirSync(gone);
    await syncDir(gone);
  });

  it('takes folders in it along, and no links out of it', async () => {
    const staged = path.join(dir, 'staged');
    mkdirSync(path.join(staged, 'in'), { recursive: true });
    writeFileSync(path.join(staged, 'in', 'file'), 'x', { mode: 0o444 });
    symlinkSync('/nowhere', path.join(staged, 'link'));
    await syncFolder(staged);
    await expect(syncFolder(path.join(dir, 'none'))).rejects.toThrow('ENOENT');
  });
});
