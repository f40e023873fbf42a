import type { GuestTree } from '../tree.ts';
import { matching, type PartPlanner, remove, removeAll, type Step, write } from './context.ts';

/** Seed files a boot feeds to the kernel, and their usual sizes in bytes (systemd-random-seed(8), urandom, openrc). */
const seedFiles = [
  '/var/lib/systemd/random-seed',
  '/var/lib/urandom/random-seed',
  '/var/lib/misc/random-seed',
  '/var/lib/random-seed',
];

export const planRandomSeed: PartPlanner = async ({ tree, mode, values }) => {
  const steps: Step[] = [];
  for (const path of seedFiles) {
    const stat = await tree.lstat(path);
    if (stat?.type !== 'file') continue;
    steps.push(
      mode === 'seal'
        ? remove('random-seed', path, { shred: true })
        : write(
            'random-seed',
            path,
            values!.seed(512),
            { after: '512 new random bytes' },
            { mode: 0o600, shred: true },
          ),
    );
  }
  if (mode !== 'seal' && steps.length === 0 && (await tree.stat('/var/lib/systemd'))?.type === 'directory')
    steps.push(
      write(
        'random-seed',
        seedFiles[0]!,
        values!.seed(512),
        { after: '512 new random bytes' },
        { mode: 0o600, uid: 0, gid: 0 },
      ),
    );
  return { steps, warnings: [] };
};

/** Folders and name patterns of files that remember an address or an identifier of the old machine. */
const leaseFiles: readonly (readonly [folder: string, names: RegExp])[] = [
  ['/var/lib/dhcp', /leases|duid/],
  ['/var/lib/dhclient', /leases|duid/],
  ['/var/lib/dhcpcd', /\.lease6?$|^duid$|^secret$/],
  ['/etc', /^dhcpcd\.(duid|secret)$/],
  ['/var/db', /^dhcpcd.*\.lease6?$/],
  // NetworkManager(8): the key seeds stable addresses and client ids; leases and connection times are state.
  ['/var/lib/NetworkManager', /^secret_key$|\.lease$|^timestamps$|^seen-bssids$|^internal-/],
  // systemd-networkd keeps leases here where the state is persistent.
  ['/var/lib/systemd/network', /^(lease|netif|link)/],
  ['/var/lib/wicked', /^(lease|duid|iaid)/],
  ['/var/lib/connman', /\.lease$/],
];

export const planLeases: PartPlanner = async ({ tree }) => {
  const steps: Step[] = [];
  for (const [folder, names] of leaseFiles)
    for (const path of await matching(tree, folder, names))
      if ((await tree.lstat(path))?.type === 'file') steps.push(remove('leases', path));
  return { steps, warnings: [] };
};

/** Most entries of a temporary folder that are taken out one by one. */
const maxTemporary = 2000;

/** What is in the temporary folders goes, they stay. One with too much in it is left to the system inside. */
export const planTmp: PartPlanner = async ({ tree }) => {
  const steps: Step[] = [];
  const warnings: string[] = [];
  for (const folder of ['/tmp', '/var/tmp']) {
    const { length } = await tree.readdir(folder);
    if (length > maxTemporary) warnings.push(`${folder} holds ${length} entries: it stays as it is.`);
    else
      for (const path of await matching(tree, folder, /./, maxTemporary))
        steps.push(...(await removeAll('tmp', tree, path)));
  }
  return { steps, warnings };
};

/**
 * Log files are removed, folders stay: services expect theirs. journald's per-machine folder carries the old
 * machine-id in its name and goes; wtmp and friends must exist to be written, so they become empty.
 */
export const planLogs: PartPlanner = async ({ tree }) => {
  const steps: Step[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const path of await matching(tree, folder, /./, 2000)) {
      const stat = await tree.lstat(path);
      const name = path.slice(folder.length + 1);
      if (stat?.type === 'directory') {
        if (folder === '/var/log/journal' || depth > 4) steps.push(...(await removeAll('logs', tree, path)));
        else await visit(path, depth + 1);
      } else if (stat?.type === 'file') {
        if (/^(wtmp|btmp|lastlog|faillog)$/.test(name)) {
          if (stat.size > 0) steps.push(write('logs', path, '', { after: 'empty' }));
        } else steps.push(remove('logs', path));
      }
    }
  };
  await visit('/var/log', 0);
  return { steps, warnings: [] };
};

/** Homes of the users in /etc/passwd that have a place of their own (root and ids from 1000). */
export async function homes(
  tree: GuestTree,
): Promise<readonly { user: string; uid: number; gid: number; home: string }[]> {
  const text = (await tree.readFile('/etc/passwd', 1 << 20))?.toString('utf8') ?? '';
  const found = [];
  for (const line of text.split('\n')) {
    const [user, , uid, gid, , home] = line.split(':');
    if (!user || !home || !/^\/[^\p{Cc}"']+$/u.test(home) || home.split('/').includes('..')) continue;
    const [u, g] = [Number(uid), Number(gid)];
    if (!Number.isInteger(u) || !Number.isInteger(g) || (u !== 0 && (u < 1000 || u === 65534))) continue;
    found.push({ user, uid: u, gid: g, home });
  }
  return found.slice(0, 200);
}

const histories =
  /^\.(bash|zsh|ash|sh|fish|python|sqlite|psql|mysql|node_repl|rediscli|lua)?_?history$|^\.(lesshst|viminfo|wget-hsts)$/;

export const planHistories: PartPlanner = async ({ tree }) => {
  const steps: Step[] = [];
  for (const { home } of await homes(tree))
    for (const path of await matching(tree, home, histories))
      if ((await tree.lstat(path))?.type === 'file') steps.push(remove('histories', path, { shred: true }));
  return { steps, warnings: [] };
};

export const planUserSsh: PartPlanner = async ({ tree }) => {
  const steps: Step[] = [];
  for (const { home } of await homes(tree))
    for (const path of await matching(tree, `${home}/.ssh`, /./))
      steps.push(...(await removeAll('user-ssh', tree, path, { shred: true })));
  return {
    steps,
    warnings:
      steps.length > 0
        ? ["Users' keys go too: without an authorised key or a password nobody can log in."]
        : [],
  };
};
