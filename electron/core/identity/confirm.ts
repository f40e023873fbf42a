import type { IdentityFacts, IdentityRow } from '../../../shared/model/identity.ts';
import type { IdentityRecord } from './record.ts';

/** What identifies a machine outside its disk. */
export interface Labels {
  readonly uuid: string | null;
  readonly macs: readonly string[];
}

/**
 * Compares what a running machine is with what was written; only a boot later than the edit counts. Pure.
 * @param hardware as its definition has it, and as the QEMU that runs was given it; null where there is
 *   none, as of a server
 */
export function confirm(
  record: Pick<IdentityRecord, 'machineId' | 'hostname' | 'hostKeys' | 'bootIdThen'>,
  facts: IdentityFacts,
  hardware: { readonly defined: Labels; readonly running: Labels } | null,
): Exclude<IdentityRow['verification'], 'none' | 'planned'> {
  const same =
    (record.machineId === null || (record.machineId === facts.machineId && dbusAgrees(facts))) &&
    (record.hostname === null || record.hostname === facts.hostname) &&
    record.hostKeys.every((fingerprint) => facts.hostKeys.some((key) => key.fingerprint === fingerprint));
  if (!same) return 'differs';
  if (record.bootIdThen !== null && record.bootIdThen === facts.bootId) return 'restart-needed';
  if (hardware === null || sees(facts, hardware.defined)) return 'verified';
  // A system that restarts by itself keeps its QEMU, and with it the old hardware.
  return sees(facts, hardware.running) ? 'restart-needed' : 'differs';
}

/** D-Bus takes its own file before /etc/machine-id (dbus-uuidgen(1)); without that file the two are one. */
const dbusAgrees = ({ dbus }: IdentityFacts) => dbus !== 'different' && dbus !== 'empty';

/**
 * Whether nothing the system sees speaks against it. A card it has no driver for it does not see; only one in another's
 * place does.
 */
function sees({ seen }: IdentityFacts, { uuid, macs }: Labels): boolean {
  if (seen === null) return true;
  const own = macs.map((mac) => mac.toLowerCase());
  const missing = own.filter((mac) => !seen.macs.includes(mac));
  const others = seen.macs.filter((mac) => !own.includes(mac));
  return (
    (uuid === null || seen.uuid === null || uuid.toLowerCase() === seen.uuid) &&
    (missing.length === 0 || others.length === 0)
  );
}
