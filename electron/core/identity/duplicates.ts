import type { DuplicateGroup, DuplicateKind, IdentityRow } from '../../../shared/model/identity.ts';

/** What really follows when two machines share a value, and how grave that is. */
const consequences: Record<DuplicateKind, { sentence: string; severity: DuplicateGroup['severity'] }> = {
  'machine-id': {
    sentence:
      'systemd-networkd asks DHCP for one and the same address for all of them, and their journals mix under one id.',
    severity: 'problem',
  },
  'host-key': {
    sentence: 'Whoever holds one of them can pose as the others to SSH clients.',
    severity: 'problem',
  },
  uuid: {
    sentence:
      'QEMU, libvirt and the system inside take them for one machine; an emptied machine-id comes back the same.',
    severity: 'problem',
  },
  mac: {
    sentence: 'On one network their packets collide and DHCP gives them one address.',
    severity: 'problem',
  },
  hostname: {
    sentence: 'They look alike in prompts, logs and DHCP; name lookups find either.',
    severity: 'note',
  },
};

const order: readonly DuplicateKind[] = ['machine-id', 'host-key', 'uuid', 'mac', 'hostname'];

/** Names every fresh system has: sharing them says nothing. */
const meaningless = new Set(['localhost', 'localhost.localdomain', 'debian', 'ubuntu', 'fedora']);

/**
 * Groups rows that share what must differ. A template's identity is empty when sealed; one that is not empty counts,
 * since its clones would share it.
 */
export function findDuplicates(rows: readonly IdentityRow[]): readonly DuplicateGroup[] {
  const found = new Map<string, { kind: DuplicateKind; value: string; members: Map<string, IdentityRow> }>();
  const note = (kind: DuplicateKind, value: string | null | undefined, row: IdentityRow) => {
    if (!value) return;
    const key = `${kind}\n${value}`;
    const group = found.get(key) ?? { kind, value, members: new Map() };
    group.members.set(`${row.kind}\n${row.id}`, row);
    found.set(key, group);
  };
  for (const row of rows) {
    note('machine-id', row.facts?.machineId, row);
    for (const key of row.facts?.hostKeys ?? []) note('host-key', key.fingerprint, row);
    // A template never runs, and its clones get their own: what it is called outside the disk meets nobody.
    if (row.kind === 'template') continue;
    note('uuid', row.uuid, row);
    for (const mac of row.macs) note('mac', mac, row);
    const hostname = row.facts?.hostname?.toLowerCase();
    if (hostname && !meaningless.has(hostname)) note('hostname', hostname, row);
  }
  // The keys of one pair of machines are one finding, not one for each key type.
  const seen = new Set<string>();
  return [...found.values()]
    .filter((group) => group.members.size > 1)
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.value < b.value ? -1 : 1))
    .filter((group) => {
      if (group.kind !== 'host-key') return true;
      const members = [...group.members.keys()].sort().join('\0');
      if (seen.has(members)) return false;
      seen.add(members);
      return true;
    })
    .map((group) => ({
      kind: group.kind,
      value: group.value,
      members: [...group.members.values()].map(({ kind, id }) => ({ kind, id })),
      consequence: consequences[group.kind].sentence,
      severity: consequences[group.kind].severity,
    }));
}
