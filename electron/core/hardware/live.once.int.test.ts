import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import { Domain, interfaceProps } from '../domain/index.ts';
import { ClipboardView, vdagent } from '../guests/testing/clipboard-view.ts';
import { handshake, View } from '../guests/testing/view.ts';
import { run } from '../platform/exec.ts';
import { runFiles } from '../qemu/run-files.ts';
import { openTestCore, shareStarters, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

/**
 * One guest, become full and hybrid again, and booted once, by its own boot loader: what it was given before, and what is plugged in and out, is
 * seen by the system inside.
 */
vi.setConfig({ testTimeout: 600_000, hookTimeout: 900_000 });
let home: TempHome;
let at: TestCore;
let id = '';
let key = '';
const cableOut = '52:54:00:0c:ab:1e';
const plugged = '52:54:00:77:88:99';
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
const change = (wanted: HardwareChangeInput, when?: 'next-start') =>
  call('hardware.change', { id, change: wanted, ...(when ? { when } : {}) });
const view = () => call('hardware.view', { id });

/** Runs a shell's line inside, by the guest's own SSH. */
async function inside(line: string): Promise<string> {
  const { ssh, uuid, folder } = await at.guest(id);
  const { stdout } = await run(
    [
      'ssh', '-F', 'none', '-i', key, '-p', String(ssh!.port), '-o', `HostKeyAlias=${uuid}`,
      '-o', `UserKnownHostsFile=${path.join(folder, 'known_hosts')}`, '-o', 'StrictHostKeyChecking=yes',
      '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', `${ssh!.user}@127.0.0.1`, line,
    ], // biome-ignore format: a command
  );
  return stdout;
}
async function until(line: string, accept: (text: string) => boolean): Promise<string> {
  for (;;) {
    const text = await inside(line);
    if (accept(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

beforeAll(async () => {
  home = tempHome();
  shareStarters(home.paths);
  at = await openTestCore(home.paths);
  key = path.join(home.paths.home, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const made = await call('guests.create', {
    name: 'workbench',
    from: { kind: 'starter', id: 'debian-12' },
    authorizedKeys: [readFileSync(`${key}.pub`, 'utf8').trim()],
    memory: 768,
  });
  id = made.id;
  await at.done(made);
  for (const kind of ['full', 'hybrid'] as const)
    expect(await change({ do: 'kind', kind })).toMatchObject({ when: 'next-start' });
  await change({ do: 'memory', current: 640 });
  await change({ do: 'add-nic', mac: cableOut });
  await change({ do: 'edit-nic', mac: cableOut, linkUp: false });
  const shared = path.join(home.paths.home, 'shared, "odd" folder');
  mkdirSync(shared);
  writeFileSync(path.join(shared, 'note'), 'from this computer\n');
  await change({ do: 'add-folder', path: shared, tag: 'notes', agreed: true });
  expect(await change({ do: 'cpu', count: 1, max: 2 })).toMatchObject({ when: 'next-start', why: null });
  expect(await change({ do: 'add-disk', device: 'cdrom', bus: 'scsi', source: null })).toMatchObject({
    when: 'next-start',
  });
  await at.done(await call('guests.start', { id }));
  await at.done(await call('guests.waitSsh', { id }));
});
afterAll(async () => {
  if (id) await call('guests.forceOff', { id }).catch(() => {});
  await at?.close();
  home?.remove();
});

it('starts as what it became, with less memory as its XML says', async () => {
  expect(await inside('readlink /sys/block/vda/device/driver')).toMatch(/\/virtio_blk\n$/);
  await until('cat /proc/meminfo', (text) => Number(/MemTotal:\s+(\d+)/.exec(text)![1]) < 640 * 1024);
  expect((await view()).balloonNow).toBeLessThan(700 * 2 ** 20);
});

it('has a cable out as its XML says, until it is put in', async () => {
  // Each card's network gives the same address: the others must not get one, or the way in is lost.
  for (const mac of [cableOut, plugged]) {
    const text = `[Match]\\nMACAddress=${mac}\\n[Link]\\nUnmanaged=yes\\n`;
    await inside(
      `sudo mkdir -p /run/systemd/network; printf '${text}' | sudo tee /run/systemd/network/00-${mac}.network`,
    );
  }
  await inside('sudo networkctl reload');
  const card = await inside(
    `cd /sys/class/net; for n in *; do if grep -qi ${cableOut} $n/address; then sudo ip link set $n up; echo $n; fi; done`,
  );
  const carrier = `cat /sys/class/net/${card.trim()}/carrier`;
  expect(await inside(carrier)).toBe('0\n');
  expect(await change({ do: 'edit-nic', mac: cableOut, linkUp: true })).toMatchObject({ when: 'now' });
  await until(carrier, (text) => text === '1\n');
  expect(await change({ do: 'remove-nic', mac: cableOut })).toMatchObject({ when: 'now' });
});

it('shows a folder of this computer inside, to be read only', async () => {
  await inside('sudo mount -t 9p -o trans=virtio,version=9p2000.L notes /mnt');
  expect(await inside('sudo cat /mnt/note')).toBe('from this computer\n');
  expect(await inside('sudo touch /mnt/new 2>&1 || true')).toMatch(/Read-only file system/);
  // QEMU cannot write the memory of a guest that has one mounted; the guest goes on.
  await expect(call('snapshots.take', { id, name: 'mounted' }).then(at.done)).rejects.toMatchObject({
    code: 'wrong-state',
    why: expect.stringContaining('“notes”'),
  });
  await inside('sudo umount /mnt');
});

it('has a pointer that is where the person’s is', async () => {
  const tablet = (await inside('ls /dev/input/by-id')).match(/\S*QEMU_USB_Tablet\S*event-mouse/)![0];
  const seen = inside(`sudo timeout 60 head -c 1200 /dev/input/by-id/${tablet} | od -An -v -tu2 -w24`);
  let over = false;
  void seen.finally(() => {
    over = true;
  });
  const screen = new View();
  await at.core.openPort('screen', id, screen.port);
  const [width, height] = await handshake(screen);
  // Encodings (raw), as every client tells: before that QEMU moves the pointer by distances.
  screen.send(2, 0, 0, 1, 0, 0, 0, 0);
  // Half way across and a quarter down, again and again with a twitch between: an equal place is told once.
  for (let n = 0; !over; n = 1 - n) {
    const [x, y] = [(width >> 1) + n, (height >> 2) + n];
    screen.send(5, 0, x >> 8, x & 255, y >> 8, y & 255);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  screen.hangUp();
  // struct input_event: 16 bytes of time, then type 3 (EV_ABS), code 0 or 1 and a value of 0 to 32767.
  const places = (await seen).split('\n').map((line) => line.trim().split(/ +/).map(Number));
  const last = (code: number) => places.filter((one) => one[8] === 3 && one[9] === code).at(-1)![10]!;
  expect(Math.abs(last(0) / 32768 - 1 / 2)).toBeLessThan(0.02);
  expect(Math.abs(last(1) / 32768 - 1 / 4)).toBeLessThan(0.02);
});

it('plugs a disk in that the system inside sees, limits it, grows it, and takes it out again', async () => {
  expect(await inside('lsblk -nd -o NAME')).not.toContain('vdb');
  const added = await change({ do: 'add-disk', source: { newGiB: 1 } });
  expect(added).toMatchObject({ when: 'now', why: null });
  await until('lsblk -ndb -o NAME,SIZE', (text) => /^vdb\s+1073741824$/m.test(text));
  const { file } = (await view()).wanted.disks.find((disk) => disk.target === 'vdb')!;
  expect(file).toMatch(/disk-vdb-[0-9a-f]{6}\.qcow2$/);
  expect((await at.guest(id)).pendingRestart).toBe(false);

  await change({ do: 'grow-disk', target: 'vdb', size: 2 });
  await until('lsblk -ndb -o NAME,SIZE', (text) => /^vdb\s+2147483648$/m.test(text));
  await expect(change({ do: 'grow-disk', target: 'vdb', size: 1 })).rejects.toMatchObject({
    code: 'invalid-input',
  });

  // Unlimited it takes all of them; limited, in a few seconds, a few. Bytes are counted, whatever the time was.
  const write = (how: string) =>
    inside(`sudo ${how} dd if=/dev/zero of=/dev/vdb bs=64k count=1600 oflag=direct 2>&1 || true`);
  const written = (text: string) => Number(/^(\d+) bytes/m.exec(text)![1]);
  expect(written(await write(''))).toBe(1600 * 65536);
  const limits = { totalBytes: 1_000_000 };
  expect(await change({ do: 'edit-disk', target: 'vdb', limits })).toMatchObject({ when: 'now' });
  expect((await view()).running!.disks.find((disk) => disk.target === 'vdb')!.limits.totalBytes).toBe(
    1_000_000,
  );
  expect(written(await write('timeout -s INT 4'))).toBeLessThan(800 * 65536);
  await change({ do: 'edit-disk', target: 'vdb', limits: { totalBytes: null } });

  const removed = await change({ do: 'remove-disk', target: 'vdb' });
  expect(removed.when).toBe('now');
  await until('lsblk -nd -o NAME', (text) => !text.includes('vdb'));
  expect((await view()).unusedDisks).toEqual([expect.objectContaining({ file })]);

  // Undone it is back, in its place.
  await call('operations.undo', { id: removed.operation });
  await until('lsblk -ndb -o NAME,SIZE', (text) => /^vdb\s+2147483648$/m.test(text));
  await change({ do: 'remove-disk', target: 'vdb' });
  await call('hardware.deleteDisk', { id, file: file! });
  expect((await view()).unusedDisks).toEqual([]);
  await expect(
    call('hardware.deleteDisk', { id, file: path.join((await at.guest(id)).folder, 'disk.qcow2') }),
  ).rejects.toMatchObject({ code: 'wrong-state' });
});

it('plugs a network card in and out, with its address kept', async () => {
  const mac = plugged;
  expect(await change({ do: 'add-nic', mac })).toMatchObject({ when: 'now' });
  await until('ip -br link', (text) => text.includes(mac));
  // It sits behind the very root port that the XML names: port n is function n - 1 of slot 2 and on.
  const { xml } = await call('guests.detail', { id });
  const domain = Domain.parse(xml);
  const index = domain.interfaces().find((nic) => nic.mac === mac)!.index;
  const port = domain.get(interfaceProps.pciBus, index)! - 1;
  const where = await inside(`readlink -f $(dirname $(grep -li ${mac} /sys/class/net/*/address))`);
  expect(where).toContain(`/0000:00:0${2 + (port >> 3)}.${port & 7}/`);
  await change({ do: 'edit-nic', mac, linkUp: false });
  const card = `/sys/class/net/$(basename $(dirname $(grep -li ${mac} /sys/class/net/*/address)))`;
  await inside(`sudo ip link set $(basename ${card}) up`);
  await until(`cat ${card}/carrier`, (text) => text === '0\n');
  expect(await change({ do: 'remove-nic', mac })).toMatchObject({ when: 'now' });
  await until('ip -br link', (text) => !text.includes(mac));
  expect((await view()).pending).toEqual([]);
});

it('ties the clipboards both ways, and unties them', async () => {
  expect(await change({ do: 'clipboard', on: true })).toMatchObject({ when: 'now', why: null });
  await until('ls /dev/virtio-ports', (text) => text.includes('com.redhat.spice.0'));
  const screen = new View();
  await at.core.openPort('screen', id, screen.port);
  await handshake(screen);
  const clipboard = new ClipboardView(screen);
  const agent = inside(`sudo timeout 120 perl -e '${vdagent('copied inside')}'`);
  expect(await clipboard.copied()).toBe('copied inside');
  clipboard.offer('copied here');
  await clipboard.serve();
  expect(await agent).toBe('copied here');
  screen.hangUp();
  expect(await change({ do: 'clipboard', on: false })).toMatchObject({ when: 'now' });
  await until('ls /dev/virtio-ports', (text) => !text.includes('com.redhat.spice.0'));
});

it('opens a forward that carries bytes, and closes it', async () => {
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
  const { port } = free.address() as { port: number };
  await expect(change({ do: 'add-forward', hostPort: port, guestPort: 22 })).rejects.toMatchObject({
    code: 'port-taken',
  });
  await new Promise((resolve) => free.close(resolve));
  expect(await change({ do: 'add-forward', hostPort: port, guestPort: 22 })).toMatchObject({ when: 'now' });
  const { stdout } = await run(['ssh-keyscan', '-p', String(port), '-t', 'ed25519', '127.0.0.1']);
  expect(stdout).toContain('ssh-ed25519');
  expect(await change({ do: 'remove-forward', hostPort: port })).toMatchObject({ when: 'now' });
  const gone = await run(['ssh-keyscan', '-T', '5', '-p', String(port), '127.0.0.1'], { okCodes: [0, 1] });
  expect(gone.stdout).toBe('');
  // The way SSH takes is another forward, and is untouched.
  expect(await inside('echo here')).toBe('here\n');
});

it('takes memory back by the balloon, and gives it again', async () => {
  const free = async () => Number(/MemTotal:\s+(\d+)/.exec(await inside('cat /proc/meminfo'))![1]);
  const little = await free();
  await change({ do: 'memory', current: 768 });
  await until('cat /proc/meminfo', (text) => Number(/MemTotal:\s+(\d+)/.exec(text)![1]) > little + 100_000);
  const all = await free();
  expect(await change({ do: 'memory', current: 512 })).toMatchObject({ when: 'now' });
  await until('cat /proc/meminfo', (text) => Number(/MemTotal:\s+(\d+)/.exec(text)![1]) < all - 200_000);
  expect((await view()).balloonNow).toBeLessThan(600 * 2 ** 20);
  await change({ do: 'memory', current: 768 });
  await until('cat /proc/meminfo', (text) => Number(/MemTotal:\s+(\d+)/.exec(text)![1]) > all - 50_000);
});

it('adds a processor while it runs', async () => {
  expect(await inside('cat /sys/devices/system/cpu/present')).toBe('0\n');
  expect(await change({ do: 'cpu', count: 2 })).toMatchObject({ when: 'now' });
  await until('cat /sys/devices/system/cpu/present', (text) => text === '0-1\n');
});

it('keeps what cannot be changed now for the next start, and takes it back', async () => {
  const added = await change({ do: 'add-disk', device: 'cdrom', source: null });
  expect(added).toMatchObject({ when: 'next-start', why: expect.stringContaining('SATA') });
  expect((await view()).pending).toEqual([
    { part: 'disk:sdb', what: 'CD drive sdb', from: null, to: expect.stringContaining('empty') },
  ]);
  expect((await at.guest(id)).pendingRestart).toBe(true);
  await change({ do: 'watchdog', model: 'i6300esb' });
  expect((await view()).pending).toHaveLength(2);
  await call('hardware.revert', { id, part: 'watchdog' });
  expect((await view()).pending).toHaveLength(1);
  await call('hardware.revert', { id, part: null });
  expect(await view()).toMatchObject({ pending: [] });
  expect((await at.guest(id)).pendingRestart).toBe(false);
});

it('changes the CD in the drive', async () => {
  const iso = (label: string) => {
    const file = path.join(home.paths.home, `${label}.iso`);
    execFileSync('genisoimage', [
      '-quiet',
      '-volid',
      label,
      '-o',
      file,
      path.join(home.paths.home, 'key.pub'),
    ]);
    return file;
  };
  for (const label of ['FIRST', 'SECOND']) {
    const put = await change({ do: 'medium', target: 'sda', file: iso(label) });
    expect(put).toMatchObject({ when: 'now' });
    await until('sudo blkid -p -s LABEL -o value /dev/sr0 || true', (text) => text.includes(label));
  }
  await change({ do: 'medium', target: 'sda', file: null });
  await until('sudo blkid -p -s LABEL -o value /dev/sr0 || true', (text) => text.trim() === '');
});

it('leaves everything as it was when a change is refused', async () => {
  const before = readFileSync(path.join((await at.guest(id)).folder, 'domain.xml'), 'utf8');
  const running = readFileSync(runFiles(home.paths.runtime, id).xml, 'utf8');
  const bad = path.join(home.paths.home, 'bad.qcow2');
  execFileSync('qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-u',
    '-b',
    '/etc/passwd',
    '-F',
    'raw',
    bad,
    '1M',
  ]);
  for (const wanted of [
    { do: 'add-disk', source: { file: bad, format: 'qcow2' } },
    { do: 'add-disk', source: { file: '/nowhere/x.qcow2', format: 'qcow2' } },
    { do: 'add-folder', path: '/etc', tag: 'etc' },
    { do: 'add-usb', vendor: 1, product: 2 },
    { do: 'remove-disk', target: 'vdq' },
    { do: 'memory', current: 100_000 },
  ] as const)
    await expect(change(wanted)).rejects.toMatchObject({
      code: expect.stringMatching(/disk-refused|disk-missing|needs-consent|not-found|invalid-input/),
    });
  expect(readFileSync(path.join((await at.guest(id)).folder, 'domain.xml'), 'utf8')).toBe(before);
  expect(readFileSync(runFiles(home.paths.runtime, id).xml, 'utf8')).toBe(running);
  writeFileSync(bad, '');
});

it('goes back to a snapshot in memory and on disk at once', async () => {
  const mark = (word: string) => inside(`echo ${word} | sudo tee /run/mark /var/lib/mark > /dev/null; sync`);
  const boot = await inside('cat /proc/sys/kernel/random/boot_id');
  await mark('then');
  await at.done(await call('snapshots.take', { id, name: 'then' }));
  await mark('later');
  expect(await inside('cat /run/mark /var/lib/mark')).toBe('later\nlater\n');
  await at.done(await call('snapshots.revert', { id, snapshot: 'then', keepNow: false }));
  await at.done(await call('guests.start', { id }));
  await at.done(await call('guests.waitSsh', { id }));
  expect(await inside('cat /run/mark /var/lib/mark')).toBe('then\nthen\n');
  expect(await inside('cat /proc/sys/kernel/random/boot_id')).toBe(boot);
});
