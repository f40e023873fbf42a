import * as path from 'node:path';
import { describe, expect, it } from 'vitest';
import { GuesthouseError } from '../../../shared/errors.ts';
import { Domain, diskProps, domainProps, interfaceProps, newDomain } from '../domain/index.ts';
import { everyDomain, newSpecs } from '../domain/testing.ts';
import { expectGolden } from '../testing/golden.ts';
import { type QemuRun, qemuArgv } from './argv.ts';

const golden = path.resolve('electron/core/qemu/golden');
const run: QemuRun = {
  accelerator: 'tcg',
  qmp: '/run/g/qmp.sock',
  serial: '/run/g/serial.sock',
  serialLog: '/lib/logs/serial.log',
  agent: '/run/g/agent.sock',
  vnc: '/run/g/vnc.sock',
  pidfile: '/run/g/qemu.pid',
};

/** One argument a line, notes behind; an error instead where there is one. */
function written(domain: Domain, options: QemuRun): string {
  try {
    const { argv, notes } = qemuArgv(domain, options);
    return [...argv, ...notes.map((note) => `# ${note}`)].map((line) => `${line}\n`).join('');
  } catch (error) {
    if (!(error instanceof GuesthouseError)) throw error;
    return `! ${error.code}: ${error.message} ${error.why ?? ''} ${error.todo ?? ''}\n`;
  }
}

const hybrid = newDomain(newSpecs['new-hybrid']!);
const uefi = newDomain(newSpecs['new-uefi']!);
const everything = Domain.parse(everyDomain().find(({ name }) => name === 'q35-everything')!.text);
const consoles = Domain.parse(everyDomain().find(({ name }) => name === 'virtio-console')!.text);

describe('qemuArgv', () => {
  for (const { name, text } of everyDomain())
    it(`of ${name} is the golden one`, () => {
      expectGolden(path.join(golden, `${name}.argv`), written(Domain.parse(text), run));
    });

  const cases: Record<string, [Domain, Partial<QemuRun>]> = {
    'case-microvm-tsc': [newDomain(newSpecs['new-paravirtual']!), { tscKhz: 2_100_000 }],
    'case-kvm': [hybrid, { accelerator: 'kvm' }],
    'case-kvm-hidden': [everything, { accelerator: 'kvm' }],
    'case-incoming': [hybrid, { incoming: 'defer', paused: true }],
    'case-kernel-from-disk': [hybrid, { kernel: { kernel: '/run/k', initrd: '/run/i' } }],
    'case-backing-from-headers': [
      hybrid,
      {
        backing: {
          vda: [
            { file: '/lib/a.qcow2', format: 'qcow2' },
            { file: '/lib/b.raw', format: 'raw' },
          ],
        },
      },
    ],
    'case-second-monitor': [hybrid, { qmpMore: ['/run/g/qmp2.sock'] }],
    'case-shared-network': [
      uefi,
      { netdevs: { 0: { type: 'stream', server: false, addr: { type: 'unix', path: '/run/net' } } } },
    ],
    'case-tpm': [everything, { tpm: '/run/g/tpm.sock', pulse: '/run/user/1, 2/pulse/native' }],
    'case-firmware-found': [
      consoles,
      {
        firmware: {
          code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
          codeFormat: 'raw',
          nvram: '/lib/nvram.qcow2',
          nvramFormat: 'qcow2',
        },
      },
    ],
    'case-write-through': [hybrid.set(diskProps.cache, 'directsync', 0).set(diskProps.io, 'io_uring', 0), {}],
    'case-topology-wrong': [hybrid.set(domainProps.cpuSockets, 3), {}],
    'case-no-memory': [hybrid.set(domainProps.memory, null), {}],
    'case-format-unknown': [hybrid.set(diskProps.format, 'nbd', 0), {}],
  };
  for (const [name, [domain, options]] of Object.entries(cases))
    it(`of ${name} is the golden one`, () => {
      expectGolden(path.join(golden, `${name}.argv`), written(domain, { ...run, ...options }));
    });

  const values = (argv: readonly string[], option: string) => argv.filter((_, i) => argv[i - 1] === option);

  it('lets no name become an option', () => {
    const evil = 'x,debug-threads=off -monitor stdio "\\ \u{1F600}';
    const domain = hybrid.set(domainProps.name, evil).set(diskProps.file, `/lib/${evil},file=/etc/passwd`, 0);
    const { argv } = qemuArgv(domain, { ...run, serialLog: '/lib/a,b', serial: '/run/a,b' });
    expect(values(argv, '-name')).toEqual([`guest=${evil.replace(/,/g, ',,')},debug-threads=on`]);
    const nodes = values(argv, '-blockdev').map((json) => JSON.parse(json) as { filename?: string });
    expect(nodes.map((node) => node.filename)).toContain(`/lib/${evil},file=/etc/passwd`);
    expect(values(argv, '-chardev')).toContain(
      'socket,id=serial0,path=/run/a,,b,server=on,wait=off,logfile=/lib/a,,b,logappend=on',
    );
  });

  it('denies everything in the sandbox, but for the bridge helper', () => {
    const all = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny';
    for (const { name, text } of everyDomain()) {
      if (name === 'virtio-console') continue;
      let made: ReturnType<typeof qemuArgv>;
      try {
        made = qemuArgv(Domain.parse(text), run);
      } catch (error) {
        if (error instanceof GuesthouseError) continue;
        throw error;
      }
      const bridged = text.includes("type='bridge'");
      expect(values(made.argv, '-sandbox')[0] === all, name).toBe(!bridged);
      expect(made.notes.some((note) => note.includes('bridge helper'))).toBe(bridged);
      expect(made.argv).toContain('-nodefaults');
      expect(made.argv).toContain('-no-user-config');
    }
  });

  it('opens nothing but loopback forwards', () => {
    const { argv } = qemuArgv(hybrid, run);
    expect(argv.filter((arg) => arg.includes('tcp') && !arg.startsWith('tcg'))).toEqual([
      expect.stringContaining(
        '"hostfwd":[{"str":"tcp:127.0.0.1:2222-:22"},{"str":"tcp:127.0.0.1:8080-:80"}]',
      ),
    ]);
    const open = newDomain({
      ...newSpecs['new-hybrid']!,
      forwards: [{ proto: 'tcp', hostAddress: '0.0.0.0', hostPort: 80, guestPort: 80 }],
    });
    expect(() => qemuArgv(open, run)).toThrow(/loopback/);
    const port = newDomain({ ...newSpecs['new-hybrid']!, sshHostPort: 70000 });
    expect(() => qemuArgv(port, run)).toThrow(/no port/);
  });

  it('refuses socket paths that are too long', () => {
    const qmp = `/run/${'ä'.repeat(52)}`;
    expect(() => qemuArgv(hybrid, { ...run, qmp })).toThrow(GuesthouseError);
    expect(qemuArgv(hybrid, { ...run, qmp: qmp.slice(0, -1) }).argv).toContain(
      `socket,id=qmp0,path=${qmp.slice(0, -1)},server=on,wait=off`,
    );
  });

  it('names the port of every channel: QEMU would give the first a port that the second asks for', () => {
    const agent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>";
    const clipboard = `<channel type='qemu-vdagent'><target type='virtio' name='com.redhat.spice.0'/>
      <address type='virtio-serial' controller='0' bus='0' port='1'/></channel>`;
    const { argv } = qemuArgv(
      Domain.parse(hybrid.text.replace(/<channel.*<\/channel>/s, `${agent}${clipboard}`)),
      run,
    );
    const ports = values(argv, '-device').map((json) => JSON.parse(json) as { name?: string; nr?: number });
    expect(Object.fromEntries(ports.flatMap(({ name, nr }) => (name ? [[name, nr]] : [])))).toEqual({
      'org.qemu.guest_agent.0': 2,
      'com.redhat.spice.0': 1,
    });
  });

  it('refuses targets that repeat', () => {
    const twice = hybrid.set(diskProps.target, 'vda', 1).set(diskProps.bus, 'virtio', 1);
    expect(() => qemuArgv(twice, run)).toThrow(/target/);
  });

  it('follows the boot order of devices, else of <os>', () => {
    const order = (domain: Domain) =>
      Object.fromEntries(
        values(qemuArgv(domain, run).argv, '-device')
          .map((json) => JSON.parse(json) as { id: string; bootindex?: number })
          .filter((device) => device.bootindex !== undefined)
          .map((device) => [device.id, device.bootindex]),
      );
    expect(order(hybrid)).toEqual({ 'disk-vda': 1, 'disk-sda': 2 });
    expect(order(hybrid.set(interfaceProps.bootOrder, 3, 0))).toEqual({
      'disk-vda': 1,
      'disk-sda': 2,
      net0: 3,
    });
    const bare = hybrid.set(diskProps.bootOrder, null, 0).set(diskProps.bootOrder, null, 1);
    expect(order(bare)).toEqual({ 'disk-vda': 1 });
  });
});
