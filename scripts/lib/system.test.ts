import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node-pty';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot } from './common.mjs';

// A machine of stand-ins: nothing is installed, and its package manager notes what it is told.
let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'gh-'));
  // An ordinary person uses it too, who may not look into this checkout.
  chmodSync(bin, 0o777);
  mkdirSync(join(bin, 'lib'));
  for (const name of ['common', 'display', 'requirements', 'system'])
    copyFileSync(join(__dirname, `${name}.mjs`), join(bin, 'lib', `${name}.mjs`));
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
  put('sudo', `echo "sudo:" >> ${bin}/log\nexec "$@"`);
}

type Who = 'root' | 'person';

/** Set-up as node runs it. A person is whoever runs the tests, or, when that is root, `nobody`. */
const command = (who: Who) => [
  '--input-type=module',
  '-e',
  `${who === 'person' && isRoot ? 'process.setgroups([]); process.setgid(65534); process.setuid(65534);' : ''}
   const { ensureSystem } = await import('${bin}/lib/system.mjs');
   const { main } = await import('${bin}/lib/common.mjs');
   await main(() => ensureSystem('run').then(() => 0));`,
];

function log(): string[] {
  try {
    return readFileSync(join(bin, 'log'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}

/** Without a terminal. */
function setUp(who: Who): { code: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, command(who), {
    env: { PATH: bin },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  return { code: status, said: stderr };
}

/** At a terminal, where a person answers the question. */
function setUpAsked(answer: string): Promise<{ code: number; said: string }> {
  const terminal = spawn(process.execPath, command('person'), { cols: 2000, env: { PATH: bin } });
  let said = '';
  let answered = false;
  terminal.onData((text) => {
    said += text;
    if (answered || !said.includes('[Y/n] ')) return;
    answered = true;
    terminal.write(`${answer}\r`);
  });
  return new Promise((done) => terminal.onExit(({ exitCode }) => done({ code: exitCode, said })));
}

describe('set-up on a machine without anything', () => {
  if (isRoot)
    it('asks for the lists before it chooses names from them, and installs', () => {
      aptMachine();
      const { code, said } = setUp('root');
      expect(log()).toEqual(['update', expect.stringMatching(/^install -y .*\blibgtk-3-0t64\b/)]);
      // The stand-in installs nothing: what is still missing is named.
      expect(said).toMatch(/Still missing after the installation: QEMU, /);
      expect(code).toBe(3);
    });

  it('asks a person at a terminal, and installs by sudo what the new lists name', async () => {
    aptMachine();
    const { code, said } = await setUpAsked('');
    // GTK had its old name while there were no lists.
    expect(said).toMatch(/Run these now\?\s+sudo apt-get update\s+sudo apt-get install -y .*\blibgtk-3-0 /);
    const install = expect.stringMatching(/^install -y .*\blibgtk-3-0t64\b/);
    expect(log()).toEqual(['sudo:', 'update', 'sudo:', install]);
    expect(code).toBe(3);
  });

  it('runs nothing when the person says no', async () => {
    aptMachine();
    expect(await setUpAsked('n')).toMatchObject({ code: 3 });
    expect(log()).toEqual([]);
  });

  it('prints what to run where nobody can be asked, and runs nothing', () => {
    aptMachine();
    const { code, said } = setUp('person');
    expect(said).toMatch(/sudo apt-get update\n\s+sudo apt-get install -y .*\bqemu-system-x86\b/);
    expect(log()).toEqual([]);
    expect(code).toBe(3);
  });

  it('names no sudo where there is none', () => {
    aptMachine();
    rmSync(join(bin, 'sudo'));
    const { code, said } = setUp('person');
    expect(said).toMatch(/as root, then start again:\n\s+apt-get update\n\s+apt-get install -y /);
    expect(log()).toEqual([]);
    expect(code).toBe(3);
  });

  it('names another package manager’s command as untried, and runs nothing', () => {
    put('dnf', `echo "$*" >> ${bin}/log`);
    const { code, said } = setUp('person');
    expect(said).toMatch(/untried/);
    expect(said).toMatch(/dnf install -y .*\bqemu-system-x86\b/);
    expect(log()).toEqual([]);
    expect(code).toBe(3);
  });

  it('says that it knows no package manager', () => {
    const { code, said } = setUp('person');
    expect(said).toMatch(/Missing: QEMU, .*No package manager known here/);
    expect(code).toBe(3);
  });
});
