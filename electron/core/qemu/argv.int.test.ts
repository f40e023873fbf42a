import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Domain, diskProps, domainProps, el, type NewGuestSpec, newDomain } from '../domain/index.ts';
import { newSpecs } from '../domain/testing.ts';
import { diskNodes, type QemuRun, qemuArgv } from './argv.ts';

let dir: string;
let child: ChildProcess | null = null;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'gh-argv-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  child = null;
  rmSync(dir, { recursive: true, force: true });
});

function image(name: string, format: string, backing?: string): string {
  const file = path.join(dir, name);
  const base = backing ? ['-b', backing, '-F', 'qcow2'] : [];
  execFileSync('qemu-img', ['create', '-q', '-f', format, ...base, file, ...(backing ? [] : ['64M'])]);
  return file;
}

/** A file Linux's boot protocol takes for a kernel; it is loaded, never run. */
function kernel(): string {
  const data = Buffer.alloc(64 * 1024);
  data[0x1f1] = 4; // set-up sectors
  data.writeUInt16LE(0xaa55, 0x1fe);
  data.write('HdrS', 0x202, 'latin1');
  data.writeUInt16LE(0x020f, 0x206);
  data[0x211] = 1; // loaded high
  data.writeUInt32LE(0x7fffffff, 0x22c);
  data.writeUInt32LE(255, 0x238);
  const file = path.join(dir, 'vmlinuz');
  writeFileSync(file, data);
  return file;
}

function runOf(more: Partial<QemuRun> = {}): QemuRun {
  const at = (name: string) => path.join(dir, name);
  return {
    accelerator: 'tcg',
    qmp: at('qmp'),
    qmpMore: [at('qmp2')],
    serial: at('serial'),
    serialLog: at('serial.log'),
    agent: at('agent'),
    vnc: at('vnc'),
    pidfile: at('pid'),
    paused: true,
    ...more,
  };
}

/** Null while nobody listens: the file is there a moment before that. */
function connect(file: string): Promise<net.Socket | null> {
  return new Promise((resolve) => {
    const socket = net.connect(file);
    socket.once('connect', () => resolve(socket));
    socket.on('error', () => resolve(null));
  });
}

type Reply = { return?: unknown; error?: { desc: string }; QMP?: unknown; event?: string };

/** Connects to QMP, asks, quits. Fails with QEMU's own words when it ended instead. */
async function ask(domain: Domain, run: QemuRun, ...commands: string[]): Promise<unknown[]> {
  const { argv } = qemuArgv(domain, run);
  const qemu = spawn('qemu-system-x86_64', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  child = qemu;
  let stderr = '';
  qemu.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    qemu.on('close', resolve);
  });
  let socket: net.Socket | null = null;
  while (!socket) {
    if (qemu.exitCode !== null || qemu.signalCode !== null)
      throw new Error(`QEMU ended with ${qemu.exitCode ?? qemu.signalCode}: ${stderr}`);
    socket = await connect(run.qmp);
    if (!socket) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const replies: Reply[] = [];
  let wake = () => {};
  let rest = '';
  let gone = false;
  socket.on('close', () => {
    gone = true;
    wake();
  });
  socket.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.trim()) replies.push(JSON.parse(line) as Reply);
    wake();
  });
  const next = async (): Promise<Reply> => {
    for (;;) {
      const reply = replies.shift();
      if (reply && !reply.event) return reply;
      if (!reply && gone) throw new Error(`QEMU ended with ${await ended}: ${stderr}`);
      if (!reply)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  };
  expect(await next()).toHaveProperty('QMP');
  const answers: unknown[] = [];
  for (const execute of ['qmp_capabilities', ...commands]) {
    socket.write(`${JSON.stringify({ execute })}\n`);
    const reply = await next();
    if (reply.error) throw new Error(`${execute}: ${reply.error.desc}`);
    answers.push(reply.return);
  }
  socket.write(`${JSON.stringify({ execute: 'quit' })}\n`);
  const code = await ended;
  socket.destroy();
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(existsSync(run.pidfile)).toBe(false);
  return answers.slice(1);
}

/** The specification with real files behind it. */
function real(name: string): NewGuestSpec {
  const spec = newSpecs[name]!;
  const base = image('base, of all.qcow2', 'qcow2');
  return {
    ...spec,
    disks: spec.disks.map((disk, i) => {
      if (disk.file === null) return disk;
      const linked = (disk.backing?.length ?? 0) > 0;
      return {
        ...disk,
        file: image(`disk ${i},x=y.${disk.format}`, disk.format, linked ? base : undefined),
        backing: linked ? [{ file: base, format: 'qcow2' }] : disk.backing,
      };
    }),
    interfaces: spec.interfaces?.filter((nic) => nic.type !== 'bridge'),
    kernel: spec.kernel && { kernel: kernel(), initrd: kernel(), cmdline: 'a,b "c"' },
    sshHostPort: undefined,
    forwards: [],
  };
}

describe('QEMU takes the arguments of', () => {
  for (const name of ['new-hybrid', 'new-full-q35', 'new-full-pc', 'new-paravirtual'])
    it(name, async () => {
      const domain = newDomain(real(name));
      const [status, blocks] = (await ask(domain, runOf(), 'query-status', 'query-block')) as [
        { status: string },
        { qdev: string; inserted?: { 'node-name': string; image: { 'backing-filename'?: string } } }[],
      ];
      expect(status.status).toBe('prelaunch');
      for (const disk of domain.disks().filter(({ device }) => device === 'disk')) {
        const nodes = diskNodes(disk.target);
        const found = blocks.find((block) => block.qdev.includes(nodes.device));
        expect(found?.inserted?.['node-name']).toBe(nodes.format);
      }
    });

  it('new-uefi, with its variable store in qcow2', async () => {
    const nvram = path.join(dir, 'nvram.qcow2');
    execFileSync('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      'qcow2',
      '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
      nvram,
    ]);
    const spec = real('new-uefi');
    const domain = newDomain({ ...spec, firmware: { ...spec.firmware!, nvram } });
    expect(await ask(domain, runOf(), 'query-status')).toEqual([
      expect.objectContaining({ status: 'prelaunch' }),
    ]);
  });

  it('hand-written XML without controllers and addresses', async () => {
    const disk = (target: string, bus: string) =>
      `<disk type='file'><driver name='qemu' type='qcow2' discard='unmap' iothread='${bus === 'virtio' ? 1 : ''}'/>
       <source file='${image(`${target}.qcow2`, 'qcow2')}'/><target dev='${target}' bus='${bus}'/>
       <iotune><total_bytes_sec>1000000</total_bytes_sec></iotune></disk>`;
    const text = (machine: string) => `<domain type='kvm'><name>bare</name><memory unit='MiB'>64</memory>
      <vcpu current='1'>2</vcpu><iothreads>1</iothreads>
      <os><type machine='${machine}'>hvm</type></os><features><acpi/></features>
      <cpu mode='host-model'><feature policy='disable' name='x2apic'/></cpu>
      <pm><suspend-to-mem enabled='no'/></pm>
      <devices>${disk('vda', 'virtio')}${disk('sda', 'sata')}${disk('sdb', 'scsi')}${disk('sdc', 'usb')}
      <disk type='file' device='floppy'><driver type='raw'/><source file='${image('a.img', 'raw')}'/><target dev='fda' bus='fdc'/></disk>
      <interface type='user'><model type='e1000'/></interface><interface type='network'><model type='virtio'/></interface>
      <serial type='pty'/><serial type='null'/><console type='pty'><target type='virtio'/></console>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
      <input type='tablet' bus='usb'/><input type='keyboard' bus='virtio'/>
      <graphics type='spice'/><video><model type='qxl' vgamem='16384'/></video><sound model='ich9'/>
      <watchdog model='i6300esb' action='pause'/><memballoon model='virtio'/>
      <rng model='virtio'><backend model='builtin'/></rng></devices></domain>`;
    for (const machine of ['pc-q35-7.2', 'pc-i440fx-7.2']) {
      const domain = Domain.parse(text(machine));
      expect(await ask(domain, runOf(), 'query-status'), machine).toHaveLength(1);
    }
  });

  it('a guest that waits for its memory', async () => {
    const domain = newDomain(real('new-hybrid'));
    const [status] = (await ask(domain, runOf({ incoming: 'defer', paused: false }), 'query-status')) as [
      { status: string },
    ];
    expect(status.status).toBe('inmigrate');
  });

  it('every cache mode, network card and video card that the window offers', async () => {
    let domain = newDomain({ ...real('new-hybrid'), kernel: undefined });
    for (const [i, cache] of (
      ['none', 'writethrough', 'directsync', 'unsafe', 'writeback'] as const
    ).entries())
      domain = domain.add(
        'disk',
        el(
          'disk',
          { type: 'file', device: 'disk' },
          el('driver', {
            name: 'qemu',
            type: 'qcow2',
            cache,
            io: 'threads',
            detect_zeroes: 'unmap',
            discard: 'unmap',
          }),
          el('source', { file: image(`${cache}.qcow2`, 'qcow2') }),
          el('target', { dev: `vd${String.fromCharCode(98 + i)}`, bus: 'virtio' }),
        ),
      );
    for (const model of ['e1000', 'e1000e', 'rtl8139', 'virtio', 'vmxnet3', 'pcnet'])
      domain = domain.add('interface', el('interface', { type: 'user' }, el('model', { type: model })));
    for (const model of ['vga', 'qxl', 'bochs', 'virtio'])
      domain = domain.add('video', el('video', {}, el('model', { type: model })));
    domain = domain.set(diskProps.totalBytesSec, 1_000_000, 0).set(domainProps.iothreads, 2);
    expect(await ask(domain, runOf(), 'query-status')).toHaveLength(1);
  });
});
