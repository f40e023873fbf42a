// Run after `npm install` of a new package: names in package-lock.json the builds for other systems that npm left out.
// npm leaves an optional package out of the lock file when the registry does not serve it (a mirror may lack builds
// nobody there runs), and then `npm ci` refuses the lock file everywhere. What is added is never installed here: its
// os and cpu are others. It has no integrity, as it was not seen.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, root, say } from './lib/common.mjs';

const systems = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'aix',
  'win32',
  'wasi',
];
const processors = [
  'arm64',
  'x64',
  'ia32',
  'arm',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'mips64el',
  'wasm32',
];

/** `binding-linux-arm-gnueabihf` says what it runs on. */
function platform(name) {
  const words = name.split('/').at(-1).split('-');
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.some((word) => word.startsWith('gnu'))
      ? 'glibc'
      : null;
  return os && cpu ? { os: [os], cpu: [cpu], ...(os === 'linux' && libc ? { libc: [libc] } : {}) } : null;
}

await main(() => {
  const file = join(root, 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  let added = 0;
  for (const parent of Object.values({ ...lock.packages }))
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      const runsOn = platform(name);
      if (lock.packages[path] || !runsOn || !/^\d/.test(version)) continue;
      lock.packages[path] = { version, ...runsOn, ...(parent.dev ? { dev: true } : {}), optional: true };
      say(`added ${name}@${version}`);
      added += 1;
    }
  if (added === 0) return say('package-lock.json names all builds');
  const entries = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(entries);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
});
