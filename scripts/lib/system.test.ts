import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot } from './common.mjs';

// A machine of stand-ins: nothing is installed, and its package manager notes what it is told.
let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'gh-'));
  put('ldconfig', '');
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

function put(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** A Debian whose lists come by `apt-get update`, and name GTK as since the change to 64-bit time. */
function aptMachine(): void {
  put('apt-get', `echo "$*" >> ${bin}/log\nif [ "$1" = update ]; then : > ${bin}/lists; fi`);
  put('apt-cache', `[ -e ${bin}/lists ] || exit 100\ncase "$*" in *libgtk-3-0t64) exit 0;; esac\nexit 100`);
}

function setUp(): { code: number | null; said: string; log: string[] } {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { ensureSystem } = await import(${JSON.stringify(join(__dirname, 'system.mjs'))});
       const { main } = await import(${JSON.stringify(join(__dirname, 'common.mjs'))});
       await main(() => ensureSystem('run').then(() => 0));`,
    ],
    { env: { PATH: bin }, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
  );
  let log: string[] = [];
  try {
    log = readFileSync(join(bin, 'log'), 'utf8').trim().split('\n');
  } catch {}
  return { code: status, said: stderr, log };
}

describe('set-up on a machine without anything', () => {
  if (isRoot)
    it('asks for the lists before it chooses names from them, and installs', () => {
      aptMachine();
      const { code, said, log } = setUp();
      expect(log[0]).toBe('update');
      expect(log[1]).toMatch(/^install -y .*\blibgtk-3-0t64\b/);
      expect(log).toHaveLength(2);
      // The stand-in installs nothing: what is still missing is named.
      expect(said).toMatch(/Still missing after the installation: QEMU, /);
      expect(code).toBe(3);
    });
  else
    it('prints what to run where nobody can be asked, and runs nothing', () => {
      aptMachine();
      put('sudo', `echo "sudo $*" >> ${bin}/log`);
      const { code, said, log } = setUp();
      expect(said).toMatch(/sudo apt-get update\n\s+sudo apt-get install -y .*\bqemu-system-x86\b/);
      expect(log).toEqual([]);
      expect(code).toBe(3);
    });

  it('names another package manager’s command as untried, and runs nothing', () => {
    put('dnf', `echo "$*" >> ${bin}/log`);
    const { code, said, log } = setUp();
    expect(said).toMatch(/untried/);
    expect(said).toMatch(/dnf install -y .*\bqemu-system-x86\b/);
    expect(log).toEqual([]);
    expect(code).toBe(3);
  });

  it('says that it knows no package manager', () => {
    const { code, said } = setUp();
    expect(said).toMatch(/Missing: QEMU, .*No package manager known here/);
    expect(code).toBe(3);
  });
});
