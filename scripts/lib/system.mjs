// The step of set-up that looks for system programs and libraries, and installs what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { isRoot, run, Stop, say, which } from './common.mjs';
import { hasDisplay } from './display.mjs';
import { installers, requirements } from './requirements.mjs';

/**
 * What is missing of what `use` needs.
 * @param {'run' | 'test'} use
 */
export function missing(use) {
  const known = libraries();
  return requirements.filter((need) => {
    if (need.use === 'test' && use !== 'test') return false;
    if (need.only === 'headless' && hasDisplay()) return false;
    if (need.program) return which(need.program) === null;
    if (need.files) return !need.files.some((file) => existsSync(file));
    return known !== null && !known.has(need.library);
  });
}

/** Sonames ld.so knows (ldconfig(8) -p), or null where there is no such list (musl): then libraries are not judged. */
function libraries() {
  const ldconfig = which('ldconfig');
  if (!ldconfig) return null;
  const { stdout, status } = spawnSync(ldconfig, ['-p'], { encoding: 'utf8' });
  if (status !== 0) return null;
  return new Set(stdout.split('\n').map((line) => line.trim().split(' ')[0]));
}

/**
 * Installs what is missing, or stops with the command that would.
 * @param {'run' | 'test'} use
 * @returns {Promise<number>} how many things were missing
 */
export async function ensureSystem(use) {
  const needs = missing(use);
  if (needs.length === 0) return 0;
  const names = needs.map((need) => need.what).join(', ');
  const manager = Object.keys(installers).find((name) => which(installers[name].program));
  if (!manager)
    throw new Stop(`Missing: ${names}. No package manager known here was found: install them yourself.`, 3);
  const commandNow = async () => [
    ...installers[manager].install,
    ...(await packagesFor(needs, manager, names)),
  ];
  say(`  missing: ${names}`);
  if (manager !== 'apt') {
    const shown = `${isRoot ? '' : 'sudo '}${(await commandNow()).join(' ')}`;
    throw new Stop(`Install them with (untried on this system; names may differ):\n  ${shown}`, 3);
  }
  if (isRoot) await installAsRoot(commandNow);
  else await installWithSudo(commandNow);
  const still = missing(use);
  if (still.length > 0)
    throw new Stop(`Still missing after the installation: ${still.map((need) => need.what).join(', ')}.`, 3);
  return needs.length;
}

async function packagesFor(needs, manager, names) {
  const packages = new Set();
  for (const need of needs) {
    const name = manager === 'apt' ? need.apt : need.other[manager];
    if (!name) throw new Stop(`Missing: ${names}. No package for "${need.what}" is known for ${manager}.`, 3);
    packages.add(name);
  }
  return manager === 'apt' ? Promise.all([...packages].map(aptName)) : [...packages];
}

/** Newer Debian and Ubuntu renamed libraries in their change to 64-bit time: libgtk-3-0t64. */
async function aptName(name) {
  if (!name.startsWith('lib')) return name;
  const renamed = await run('apt-cache', ['show', '--no-all-versions', `${name}t64`]);
  return renamed.code === 0 ? `${name}t64` : name;
}

/** @param {() => Promise<string[]>} commandNow names packages after the lists as they are then */
async function installAsRoot(commandNow) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  say('  apt-get update');
  await run('apt-get', ['update'], { env });
  const command = await commandNow();
  say(`  ${command.join(' ')}`);
  const result = await run(command[0], command.slice(1), { env });
  if (result.code !== 0)
    throw new Stop(
      `apt-get could not install them:\n${result.stderr.trim().split('\n').slice(-5).join('\n')}`,
      3,
    );
}

/** @param {() => Promise<string[]>} commandNow */
async function installWithSudo(commandNow) {
  const known = (await commandNow()).join(' ');
  const sudo = which('sudo') !== null;
  if (!process.stdin.isTTY || !sudo)
    throw new Stop(
      `Install them${sudo ? '' : ', as root'}, then start again:\n${lines(sudo ? 'sudo ' : '', known)}`,
      3,
    );
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`  Run these now?\n${lines('sudo ', known)}\n  [Y/n] `);
  prompt.close();
  if (!/^(y|yes|)$/i.test(answer.trim())) throw new Stop('Nothing was installed.', 3);
  await run('sudo', ['apt-get', 'update'], { quiet: false });
  const command = await commandNow();
  // The new lists may know other names than those that were asked about.
  if (command.join(' ') !== known) say(`  sudo ${command.join(' ')}`);
  const result = await run('sudo', command, { quiet: false });
  if (result.code !== 0) throw new Stop('apt-get could not install them.', 3);
}

const lines = (sudo, command) => `    ${sudo}apt-get update\n    ${sudo}${command}`;
