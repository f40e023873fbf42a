import { posix } from 'node:path';
import { findHostKeyFiles } from '../facts.ts';
import type { HostKeyKind } from '../hostkeys.ts';
import type { GuestTree } from '../tree.ts';
import { type PartPlanner, remove, type Step, write } from './context.ts';

const kindOf: Readonly<Record<string, HostKeyKind>> = {
  'ssh-ed25519': 'ed25519',
  'ecdsa-sha2-nistp256': 'ecdsa',
  'ssh-rsa': 'rsa',
};

/**
 * The types of host key a machine must get: those wished for, and those of files that sshd_config names. They must get
 * a key again, or sshd has none to offer there.
 */
export async function neededKinds(
  tree: GuestTree,
  wished: readonly HostKeyKind[],
): Promise<readonly HostKeyKind[]> {
  const kinds = new Set(wished);
  for (const { configured, key } of await findHostKeyFiles(tree)) {
    const kind = configured && key ? kindOf[key.type] : undefined;
    if (kind) kinds.add(kind);
  }
  return [...kinds];
}

/** The file a chain of links leads to, as a path inside the guest; null when it leads nowhere. */
async function linkEnd(tree: GuestTree, path: string): Promise<string | null> {
  let at = path;
  for (let hops = 0; hops < 8; hops++) {
    const target = await tree.readlink(at);
    if (target === null) return (await tree.lstat(at))?.type === 'file' ? at : null;
    at = posix.resolve(posix.dirname(at), target);
  }
  return null;
}

/**
 * Every host key of the disk goes: replaced where a planned key has its type (so that sshd_config's own HostKey paths
 * keep working), removed and overwritten where none has. Certificates are bound to the old keys and go with them.
 */
export const planHostKeys: PartPlanner = async ({ tree, mode, values }) => {
  const steps: Step[] = [];
  const warnings: string[] = [];
  const files = await findHostKeyFiles(tree);
  const sshFolder = await tree.stat('/etc/ssh');
  if (files.length === 0 && sshFolder?.type !== 'directory') return { steps, warnings };

  const written = new Set<string>();
  for (const file of files) {
    const old = file.key?.fingerprint ?? null;
    const planned = mode === 'seal' ? undefined : values!.hostKeys.find((key) => key.type === file.key?.type);
    if (planned) {
      written.add(planned.type);
      steps.push(
        write(
          'host-keys',
          file.path,
          planned.privateKey,
          { before: old, after: planned.fingerprint },
          { shred: true },
        ),
        // The public half is written also where it was missing: tools read it.
        write('host-keys', `${file.path}.pub`, planned.publicKey, {}, file.hasPublic ? {} : { mode: 0o644 }),
      );
    } else {
      steps.push(remove('host-keys', file.path, { shred: true, before: old }));
      if (file.hasPublic) steps.push(remove('host-keys', `${file.path}.pub`));
      if (file.configured && mode !== 'seal')
        warnings.push(
          `sshd_config names ${file.path}, whose type (${file.key?.type ?? 'unknown'}) is not made: sshd goes without it.`,
        );
    }
    // A link is replaced by a file; the key it led to would stay.
    const end = await linkEnd(tree, file.path);
    if (end !== null && end !== file.path && !files.some((other) => other.path === end))
      steps.push(remove('host-keys', end, { shred: true, before: old }));
    if (file.hasCertificate) {
      steps.push(remove('host-keys', `${file.path}-cert.pub`));
      warnings.push(`The host certificate of ${file.path} belonged to the old key and is removed.`);
    }
  }
  if (mode !== 'seal')
    for (const key of values!.hostKeys) {
      if (written.has(key.type)) continue;
      const path = `/etc/ssh/ssh_host_${key.kind}_key`;
      steps.push(
        write(
          'host-keys',
          path,
          key.privateKey,
          { before: null, after: key.fingerprint },
          { mode: 0o600, uid: 0, gid: 0 },
        ),
        write('host-keys', `${path}.pub`, key.publicKey, {}, { mode: 0o644, uid: 0, gid: 0 }),
      );
    }
  return { steps, warnings };
};
