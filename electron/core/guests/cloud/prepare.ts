import * as path from 'node:path';
import { GuesthouseError } from '../../../../shared/errors.ts';
import { hostnameFrom } from '../../../../shared/model/names.ts';
import { makeSeed, seedDisk } from '../../cloud-init/seed.ts';
import { composeUserData, machineUserData } from '../../cloud-init/user-data.ts';
import { standAlone, UnsupportedDiskError } from '../../disks/index.ts';
import type { NewDisk } from '../../domain/index.ts';
import { applyEdits, applyIdentity } from '../../identity/apply.ts';
import { writeRecord } from '../../identity/record.ts';
import { makeValues } from '../../identity/values.ts';
import { stageGivenKeys } from '../../keys/given.ts';
import type { OperationContext } from '../../operations/runner.ts';
import { writeAtomic } from '../../platform/fs.ts';
import type { CreateDeps, ParsedCreate } from '../create-spec.ts';

const userDataFile = '/var/lib/cloud/seed/nocloud/user-data';

/**
 * Gives a copied cloud image its identity and its keys: written onto its disk where that can be edited, with what is
 * cloud-init's in its seed folder there; else by a seed in a drive of its own, read at the first boot.
 * @param staged the folder the guest is made in, with `disk.qcow2`
 * @param folder where that will be
 * @returns the drives to add
 */
export async function prepareCloudImage(
  { paths, clock }: CreateDeps,
  spec: ParsedCreate,
  uuid: string,
  staged: string,
  folder: string,
  op: OperationContext,
): Promise<readonly NewDisk[]> {
  op.phase('Giving it an identity');
  const values = await makeValues(hostnameFrom(spec.name), ['ed25519', 'ecdsa']);
  const userData = composeUserData({
    user: null,
    authorizedKeys: spec.authorizedKeys,
    passwordHash: null,
    packages: [],
    commands: [],
  });
  const set = {
    disks: [{ path: path.join(staged, 'disk.qcow2'), format: 'qcow2' as const }],
    policy: standAlone,
  };
  const options = { runtimeDir: path.join(paths.runtime, 'exports'), signal: op.signal };
  const seed = {
    instanceId: values.instanceId,
    hostname: values.hostname,
    hostKeys: values.hostKeys,
  };
  let drives: readonly NewDisk[] = [];
  try {
    const { steps } = await applyIdentity(
      set,
      {
        mode: 'clone',
        parts: ['machine-id', 'host-keys', 'hostname', 'random-seed', 'cloud-init'],
        values,
      },
      options,
    );
    if (steps.some(({ edit }) => edit.path === userDataFile))
      await applyEdits(
        set,
        [
          {
            action: 'write',
            path: userDataFile,
            content: Buffer.from(machineUserData(userData, seed)),
            mode: 0o600,
            uid: 0,
            gid: 0,
            shred: true,
          },
        ],
        options,
      );
    else drives = await seeded(staged, folder, userData, seed, spec.kind, clock.now());
  } catch (error) {
    if (!(error instanceof UnsupportedDiskError) && !isBeyondReach(error)) throw error;
    const all = { ...seed, machineId: values.machineId };
    drives = await seeded(staged, folder, userData, all, spec.kind, clock.now());
  }
  await writeAtomic(
    path.join(staged, 'known_hosts'),
    values.hostKeys
      .map((key) => `${uuid} ${key.publicKey.trim().split(' ').slice(0, 2).join(' ')}\n`)
      .join(''),
  );
  await stageGivenKeys(staged, spec.authorizedKeys);
  await writeRecord(staged, {
    version: 1,
    writtenAt: clock.now(),
    machineId: values.machineId,
    hostname: values.hostname,
    hostKeys: values.hostKeys.map((key) => key.fingerprint),
    bootIdThen: null,
    verification: 'planned',
    before: null,
  });
  return drives;
}

/** guestfish was there for the disk's file system, and did not get along with it. */
const isBeyondReach = (error: unknown) =>
  error instanceof GuesthouseError && ['program-failed', 'program-missing', 'timeout'].includes(error.code);

async function seeded(
  staged: string,
  folder: string,
  userData: string,
  values: Parameters<typeof makeSeed>[2],
  kind: ParsedCreate['kind'],
  now: number,
): Promise<readonly NewDisk[]> {
  await makeSeed(staged, userData, values, now);
  return [seedDisk(folder, kind)];
}
