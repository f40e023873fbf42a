import { createHash, randomBytes, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { keyMap } from '../../cloud-init/user-data.ts';
import { toYaml } from '../../cloud-init/yaml.ts';
import { type DiskRef, openGuestDisk, withinFolders } from '../../disks/index.ts';
import { makeExt, makeRootTree, tool } from '../../disks/testing/make-disk.ts';
import type { LibraryPaths } from '../../platform/paths.ts';
import { type HostKey, makeHostKey } from '../hostkeys.ts';

/** How a small guest's disk is made. */
export interface DiskKind {
  readonly format: 'raw' | 'qcow2' | 'overlay';
  readonly table: 'none' | 'gpt' | 'mbr';
  readonly fs: 'ext2' | 'ext3' | 'ext4';
}

/** Old secrets of a tree made by {@link makeTree}: one line of each private key, as it stands in the file. */
export interface TreeSecrets {
  readonly keyLines: readonly string[];
}

/** A small system with real host keys, a D-Bus link, a user, a random seed and a lease. */
export async function makeTree(dir: string): Promise<TreeSecrets> {
  fs.mkdirSync(dir, { recursive: true });
  makeRootTree(dir);
  const put = (name: string, content: string | Buffer, mode = 0o644) => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), content);
    fs.chmodSync(path.join(dir, name), mode);
  };
  const keyLines: string[] = [];
  const hostKeys: HostKey[] = [];
  for (const kind of ['ed25519', 'ecdsa'] as const) {
    const key = await makeHostKey(kind, 'root@template');
    put(`etc/ssh/ssh_host_${kind}_key`, key.privateKey, 0o600);
    put(`etc/ssh/ssh_host_${kind}_key.pub`, key.publicKey);
    keyLines.push(key.privateKey.split('\n')[3]!);
    hostKeys.push(key);
  }
  // As Guesthouse made it a machine, and as cloud-init remembers that: the keys stand there once more.
  const instance = `guesthouse-${randomUUID()}`;
  const userData = `#cloud-config\n${toYaml({ ssh_keys: keyMap(hostKeys), hostname: 'template' })}`;
  put('etc/cloud/cloud.cfg', '');
  put('var/lib/cloud/seed/nocloud/meta-data', `instance-id: ${instance}\n`, 0o600);
  put('var/lib/cloud/seed/nocloud/user-data', userData, 0o600);
  put(`var/lib/cloud/instances/${instance}/user-data.txt`, userData, 0o600);
  put(`var/lib/cloud/instances/${instance}/sem/config_ssh`, '');
  put('etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
  put('etc/hosts', '127.0.0.1 localhost\n127.0.1.1 template\n');
  put('etc/ssh/sshd_config', 'Include /etc/ssh/sshd_config.d/*.conf\n');
  put('var/lib/systemd/random-seed', randomBytes(512), 0o600);
  put('var/lib/dhcp/dhclient.leases', 'lease { }\n');
  put('usr/bin/program', randomBytes(70_000), 0o755);
  return { keyLines };
}

const mib = 1 << 20;

/** Makes a disk of that kind from a tree. The root file system has 24 MiB; before it, a GPT disk has an ESP with a seed. */
export function makeDisk(
  folder: string,
  tree: string,
  kind: DiskKind,
  options: { readonly mkfs?: readonly string[]; readonly megabytes?: number } = {},
): DiskRef & { readonly seed: Buffer | null } {
  const size = options.megabytes ?? 24;
  const root = path.join(folder, 'root.part');
  makeExt(root, tree, size, ['-t', kind.fs, '-E', 'root_owner=0:0', ...(options.mkfs ?? [])]);
  const raw = path.join(folder, 'disk.raw');
  let seed: Buffer | null = null;
  if (kind.table === 'none') fs.renameSync(root, raw);
  else {
    tool(['truncate', '-s', `${size + 4}M`, raw]);
    const gpt = kind.table === 'gpt';
    tool(['sfdisk', '-q', raw], gpt ? 'label: gpt\nsize=2M,type=U\ntype=L\n' : 'label: dos\nstart=3M\n');
    tool(['dd', `if=${root}`, `of=${raw}`, 'bs=1M', 'seek=3', 'conv=notrunc,sparse', 'status=none']);
    fs.rmSync(root);
    if (gpt) {
      seed = randomBytes(32);
      const esp = path.join(folder, 'esp.part');
      tool(['mkfs.vfat', '-F', '12', '-C', esp, '2048']);
      fs.writeFileSync(path.join(folder, 'seed'), seed);
      tool(['mmd', '-i', esp, '::/loader']);
      tool(['mcopy', '-i', esp, path.join(folder, 'seed'), '::/loader/random-seed']);
      tool(['dd', `if=${esp}`, `of=${raw}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none']);
      fs.rmSync(esp);
      fs.rmSync(path.join(folder, 'seed'));
    }
  }
  if (kind.format === 'raw') return { path: raw, format: 'raw', seed };
  const base = path.join(folder, 'base.qcow2');
  tool(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, base]);
  fs.rmSync(raw);
  if (kind.format === 'qcow2') return { path: base, format: 'qcow2', seed };
  const top = path.join(folder, 'top.qcow2');
  tool(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, top]);
  return { path: top, format: 'qcow2', seed };
}

/** An empty guest folder in the library; its disk goes there, then {@link define}. */
export function guestFolder(paths: LibraryPaths, name: string): string {
  const folder = path.join(paths.guests, `${name}-00000000`);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Writes the definition of a guest with one disk. */
export function define(folder: string, name: string, disk: DiskRef): void {
  const mac = [0x52, 0x54, 0, ...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  fs.writeFileSync(
    path.join(folder, 'domain.xml'),
    `<domain type='qemu'>
  <name>${name}</name>
  <uuid>${randomUUID()}</uuid>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='${disk.format}'/>
      <source file='${disk.path}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'><mac address='${mac}'/><model type='virtio'/></interface>
  </devices>
</domain>
`,
    { mode: 0o600 },
  );
}

/** Everything in a guest's tree but times: path to a line that tells its kind, owner, mode, attributes and content. */
export async function readTree(disk: DiskRef, library: string): Promise<ReadonlyMap<string, string>> {
  const guest = await openGuestDisk(disk, withinFolders(library));
  try {
    const found = new Map<string, string>();
    const visit = async (folder: string): Promise<void> => {
      for (const entry of await guest.readdir(folder || '/')) {
        const at = `${folder}/${entry.name}`;
        const { type, mode, uid, gid } = await guest.lstat(at);
        const xattrs = [...(await guest.xattrs(at))].map(([key, value]) => `${key}=${value.toString('hex')}`);
        const content =
          type === 'file'
            ? createHash('sha256')
                .update(await guest.readFile(at, 16 * mib))
                .digest('hex')
            : type === 'symlink'
              ? await guest.readlink(at)
              : '';
        found.set(at, [type, mode.toString(8), uid, gid, ...xattrs.sort(), content].join(' '));
        if (type === 'directory') await visit(at);
      }
    };
    await visit('');
    return found;
  } finally {
    await guest.close();
  }
}

/** Paths that differ between two trees. */
export function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key)).sort();
}

/** The disk as a guest sees it, as one raw file. The caller removes it. */
export function asRaw(disk: DiskRef, file: string): string {
  fs.rmSync(file, { force: true });
  tool(['qemu-img', 'convert', '-f', disk.format, '-O', 'raw', disk.path, file]);
  return file;
}

/** `e2fsck -fn` of the root file system in a raw disk, a second opinion from outside; throws with what it says. */
export function fsck(raw: string, kind: Pick<DiskKind, 'table'>): void {
  const part = `${raw}.part`;
  try {
    const skip = kind.table === 'none' ? 0 : 3;
    tool(['dd', `if=${raw}`, `of=${part}`, 'bs=1M', `skip=${skip}`, 'conv=sparse', 'status=none']);
    const size = fs.statSync(part).size;
    // What stands behind the file system on a partitioned disk is no matter of its own.
    fs.truncateSync(part, Math.floor(size / mib) * mib);
    tool(['sh', '-c', 'e2fsck -fn "$0" 2>&1', part]);
  } finally {
    fs.rmSync(part, { force: true });
  }
}
