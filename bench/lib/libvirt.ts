import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exec, must, textOf, until } from './tools.ts';

const uri = 'qemu:///system';

/** libvirt's tools on a disk of ours, and the daemons when they did not run before. */
export interface Libvirt {
  /** Copies the guest as `virt-clone` does, and gives the copy an identity as `virt-sysprep` does. */
  cloneAndSysprep(): Promise<{ clone: number; sysprep: number }>;
  close(): Promise<void>;
}

/** What libguestfs is told: its appliance hangs where it trusts a /dev/kvm that runs nothing. */
const guestfsEnv = {
  ...process.env,
  LIBGUESTFS_BACKEND: 'direct',
  LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg',
};

/** @param disk a qcow2 image that stands alone; it is only read */
export async function startLibvirt(folder: string, disk: string): Promise<Libvirt> {
  mkdirSync(folder, { recursive: true });
  const pidfiles: string[] = [];
  if ((await exec(['virsh', '-c', uri, 'version'])).code !== 0)
    for (const daemon of ['virtlogd', 'libvirtd'] as const) {
      const pidfile = join(folder, `${daemon}.pid`);
      pidfiles.unshift(pidfile);
      await must([daemon, '-d', '-p', pidfile]);
      await until(() => textOf(pidfile).trim() !== '', daemon, { timeoutMs: 20_000 });
    }
  const source = `bench-${randomUUID().slice(0, 8)}`;
  const made = new Set<string>();
  const define = async (): Promise<void> => {
    await until(async () => (await exec(['virsh', '-c', uri, 'version'])).code === 0, 'libvirtd', {
      everyMs: 200,
      timeoutMs: 20_000,
    });
    const xml = join(folder, 'source.xml');
    writeFileSync(xml, domain(source, disk));
    await must(['virsh', '-c', uri, 'define', xml]);
    made.add(source);
  };
  const undefine = async (name: string) => {
    await exec(['virsh', '-c', uri, 'undefine', name]);
    made.delete(name);
  };
  const close = async () => {
    for (const name of [...made]) await undefine(name);
    for (const pidfile of pidfiles) {
      const pid = Number(textOf(pidfile));
      if (!(pid > 1)) continue;
      process.kill(pid, 'SIGTERM');
      await until(() => !existsSync(`/proc/${pid}`), 'the end of libvirt', { timeoutMs: 30_000 });
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await define();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async cloneAndSysprep() {
      const name = `${source}-clone`;
      const file = join(folder, `${name}.qcow2`);
      made.add(name);
      const from = performance.now();
      await must(['virt-clone', '--connect', uri, '--original', source, '--name', name, '--file', file]);
      const between = performance.now();
      await must(['virt-sysprep', '-a', file, '--operations', 'machine-id,ssh-hostkeys'], {
        env: guestfsEnv,
      });
      const to = performance.now();
      await undefine(name);
      rmSync(file, { force: true });
      return { clone: (between - from) / 1000, sysprep: (to - between) / 1000 };
    },
    close,
  };
}

const domain = (name: string, disk: string) => `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>1024</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
  </devices>
</domain>
`;
