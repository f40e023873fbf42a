import type { DuplicateKind, IdentityRow } from '../../../shared/model/identity.ts';
import { moment } from '../../ui/format.ts';

export const groupTitle: Readonly<Record<DuplicateKind, string>> = {
  'machine-id': 'Same machine-id',
  'host-key': 'Same SSH host key',
  uuid: 'Same UUID',
  mac: 'Same MAC address',
  hostname: 'Same hostname',
};

/** The ends of a long id or fingerprint: 8d1e…77c, SHA256:aa1b…9fz. */
export function shortId(value: string): string {
  const [, prefix = '', rest = ''] = /^(SHA256:)?(.*)$/s.exec(value) ?? [];
  return rest.length <= 14 ? value : `${prefix}${rest.slice(0, 6)}…${rest.slice(-4)}`;
}

/** "read from its disk 14:02", "read over SSH 14:05" */
export function whereRead(row: IdentityRow): string {
  if (!row.facts) return row.error?.message ?? 'not read yet';
  const how = { disk: 'read from its disk', ssh: 'read over SSH', agent: 'read by the guest agent' };
  return `${how[row.facts.source]} ${moment(row.facts.readAt)}`;
}
