import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import * as net from 'node:net';
import { cpus, tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detachedContext } from '../../operations/runner.ts';
import { baseEnv, run } from '../../platform/exec.ts';
import { silentLog } from '../../platform/log.ts';
import { libraryPaths } from '../../platform/paths.ts';
import { buildStarter, type StarterImage } from './build.ts';

let dir: string;
let image: StarterImage;
const cacheHome = () => process.env.GUESTHOUSE_TEST_CACHE ?? path.join(dir, 'cache');
const build = (cache: string, signal?: AbortSignal, phase: (text: string) => void = () => {}) =>
  buildStarter(
    { id: 'debian-12' },
    { paths: libraryPaths({ HOME: dir, XDG_CACHE_HOME: cache }), log: silentLog },
    { ...detachedContext(signal), phase },
  );

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'gh-starter-'));
  image = await build(cacheHome());
  // What sits beside the disk for direct boot, out of the partition itself.
  const raw = path.join(dir, 'd.raw');
  await run(['qemu-img', 'convert', '-O', 'raw', image.disk, raw]);
  const [cloud] = image.kernels;
  for (const [inside, name] of [
    [cloud!.kernelPath, 'vmlinuz'],
    [cloud!.initrdPath, 'initrd'],
  ] as const)
    await run(['debugfs', '-R', `dump ${inside} ${dir}/${name}`, `${raw}?offset=${image.rootOffset}`]);
}, 900_000);
afterAll(() => rm(dir, { recursive: true, force: true }));

const debugfs = async (command: string) =>
  (await run(['debugfs', '-R', command, `${dir}/d.raw?offset=${image.rootOffset}`])).stdout;

it('carries no identity and no trace of the machine it was made on', async () => {
  expect((await debugfs('cat /etc/machine-id')).trim()).toBe('');
  expect(await debugfs('stat /var/lib/dbus/machine-id')).toContain('/etc/machine-id');
  expect(await debugfs('ls -p /etc/ssh')).not.toContain('ssh_host_');
  expect((await debugfs('cat /etc/hostname')).trim()).toBe('debian');
  expect(await debugfs('cat /etc/apt/sources.list')).toMatch(
    /^deb http:\/\/deb\.debian\.org\/debian bookworm main$/m,
  );
  expect(await debugfs('ls -p /etc/apt/apt.conf.d')).not.toContain('mmdebstrap');
  expect(await debugfs('stat /home/debian')).toMatch(/User:\s+1000\s+Group:\s+1000/);
  expect(await debugfs('stat /etc/sudoers.d/90-debian')).toMatch(/Mode:\s+0440[\s\S]*User:\s+0\s/);
});

it('is found again without being built', async () => {
  const phases: string[] = [];
  expect(await build(cacheHome(), undefined, (text) => phases.push(text))).toEqual(image);
  expect(phases).toEqual([]);
});

it('leaves nothing when cancelled in the middle of installing', async () => {
  const cache = path.join(dir, 'cancelled');
  const controller = new AbortController();
  const building = build(cache, controller.signal, (phase) => {
    if (phase.startsWith('Installing')) controller.abort();
  });
  await expect(building).rejects.toMatchObject({ code: 'cancelled' });
  expect(readdirSync(path.join(cache, 'guesthouse/starters'))).toEqual(['.lock']);
}, 300_000);

/** A QEMU with its serial line on a socket, and what the line has said so far. */
async function boot(argv: string[]) {
  const socket = path.join(dir, 'serial.sock');
  const qemu: ChildProcess = spawn(
    'qemu-system-x86_64',
    [
      '-nodefaults',
      '-no-user-config',
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'max',
      '-m',
      '1024',
      '-smp',
      '2',
    ].concat(['-display', 'none', '-snapshot', '-serial', `unix:${socket},server=on,wait=on`], argv),
    { env: baseEnv(), stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const gone = new Promise<void>((resolve) => qemu.once('exit', () => resolve()));
  let said = '';
  let line: net.Socket;
  for (;;) {
    line = net.connect(socket);
    const ok = await new Promise<boolean>((resolve) => {
      line.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    if (ok) break;
    if (qemu.exitCode !== null) throw new Error('QEMU ended');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  line.on('data', (chunk) => {
    said += chunk.toString('latin1');
  });
  const until = async (text: string) => {
    while (!said.includes(text)) {
      if (qemu.exitCode !== null) throw new Error(`QEMU ended: ${said.slice(-500)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    said = said.slice(said.indexOf(text) + text.length);
  };
  const type = (text: string) => line.write(`${text}\r`);
  const stop = async () => {
    qemu.kill('SIGKILL');
    await gone;
    await rm(socket, { force: true });
  };
  return { until, type, stop };
}

const nic = (device: string) => ['-netdev', 'user,id=n,restrict=on', '-device', `${device},netdev=n`];
const disk = (device: string) => [
  '-drive',
  `file=${dir}/d.raw,format=raw,if=none,id=d`,
  '-device',
  `${device},drive=d`,
];
const direct = (more = '') => [
  ...['-kernel', `${dir}/vmlinuz`, '-initrd', `${dir}/initrd`],
  ...['-append', `${image.kernelCmdline}${more}`],
];
// On a busy host the kernel cannot measure the TSC against the emulated PIT, and a microvm has no timer tick to fall
// back to: without this it hangs at "Marking TSC unstable". kernel-parameters.txt.
const tsc = ` tsc_early_khz=${(cpus()[0]?.speed || 2000) * 1000}`;
const firmware = () => {
  copyFileSync('/usr/share/OVMF/OVMF_VARS_4M.fd', `${dir}/vars.fd`);
  const flash = (unit: number, file: string, ro: string) => [
    '-drive',
    `if=pflash,unit=${unit},format=raw,readonly=${ro},file=${file}`,
  ];
  return [...flash(0, '/usr/share/OVMF/OVMF_CODE_4M.fd', 'on'), ...flash(1, `${dir}/vars.fd`, 'off')];
};

describe.each([
  {
    how: 'q35, virtio, direct',
    kernel: 'cloud',
    argv: () => ['-machine', 'q35', ...direct(), ...disk('virtio-blk-pci'), ...nic('virtio-net-pci')],
  },
  {
    how: 'pc, BIOS, IDE, e1000',
    kernel: 'full',
    argv: () => ['-machine', 'pc', ...disk('ide-hd'), ...nic('e1000')],
  },
  {
    how: 'q35, UEFI, SATA, e1000e',
    kernel: 'full',
    argv: () => ['-machine', 'q35', ...firmware(), ...disk('ide-hd'), ...nic('e1000e')],
  },
  {
    how: 'microvm',
    kernel: 'cloud',
    argv: () => [
      '-machine',
      'microvm',
      ...direct(tsc),
      ...disk('virtio-blk-device'),
      ...nic('virtio-net-device'),
    ],
  },
])('$how', ({ kernel, argv }) => {
  it('boots to a login that takes the console password, with its address and the right kernel', async () => {
    const guest = await boot(argv());
    try {
      await guest.until('login: ');
      guest.type('debian');
      await guest.until('Password: ');
      guest.type('debian');
      await guest.until('$ ');
      const version = image.kernels.find((k) => k.flavour === kernel)!.version;
      // The answer is put together by the guest's shell, so that the echo of the command does not pass for it.
      guest.type(
        'sudo -n true && /lib/systemd/systemd-networkd-wait-online --timeout=60 && echo "up=$(uname -r)"',
      );
      await guest.until(`up=${version}`);
    } finally {
      await guest.stop();
    }
  }, 300_000);
});

it('ends with the process that builds, and the next build clears what that left', async () => {
  const starters = path.join(dir, 'killed/guesthouse/starters');
  execFileSync('mkdir', ['-p', path.join(starters, '.building-0123456789ab/tree')]);
  const controller = new AbortController();
  const building = build(path.join(dir, 'killed'), controller.signal, (phase) => {
    if (phase === 'Resolving packages') controller.abort();
  });
  await expect(building).rejects.toMatchObject({ code: 'cancelled' });
  expect(existsSync(path.join(starters, '.building-0123456789ab'))).toBe(false);
}, 120_000);
