import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import type { Bridge } from '../../shared/ipc/contract.ts';
import type { Snapshot } from '../../shared/ipc/events.ts';
import type { Home } from './launch.ts';

export interface LibraryGuest {
  readonly name: string;
  /** Instead of a domain that works. */
  readonly xml?: string;
  readonly tags?: readonly string[];
}

/**
 * Writes guests into a library before the app starts. They run: a disk with nothing on it and 64 MB, so that the
 * firmware finds nothing to boot. Fast to start and to throw away; nobody logs in to one.
 * @returns their folders, by name
 */
export function writeGuests(paths: Home, guests: readonly LibraryGuest[]): Map<string, string> {
  const folders = new Map<string, string>();
  for (const guest of guests) {
    const uuid = randomUUID();
    const slug = guest.name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 40);
    const folder = join(paths.data, 'guesthouse/guests', `${slug}-${uuid.slice(0, 8)}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const disk = join(folder, 'disk.qcow2');
    if (guest.xml === undefined) execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '64M']);
    writeFileSync(join(folder, 'domain.xml'), guest.xml ?? domain(guest.name, uuid, disk), { mode: 0o600 });
    folders.set(guest.name, folder);
  }
  return folders;
}

/** Forces off whatever runs: guests outlive the window, and a test must leave none behind. */
export async function endGuests(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const snapshot = await bridge.call('core.snapshot', undefined);
    if (!snapshot.ok) return;
    const { guests } = snapshot.value as Snapshot;
    for (const guest of guests)
      if (guest.pid !== null) await bridge.call('guests.forceOff', { id: guest.id });
  });
}

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

function domain(name: string, uuid: string, disk: string): string {
  return `<domain type='kvm'>
  <name>${escaped(name)}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${escaped(disk)}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'>
      <target port='0'/>
    </serial>
  </devices>
</domain>
`;
}

/** The folder of starter images that tests share: as the core's own tests do. */
const sharedCache = () =>
  process.env.GUESTHOUSE_TEST_CACHE ?? join(tmpdir(), `guesthouse-test-${userInfo().uid}`);

function linkStarters(paths: Home, starters: string): void {
  mkdirSync(join(paths.cache, 'guesthouse'), { recursive: true, mode: 0o700 });
  symlinkSync(starters, join(paths.cache, 'guesthouse/starters'));
}

/**
 * Lets a temporary home use the starter images that tests share, so that one is built once:
 * `$GUESTHOUSE_TEST_CACHE/starters`, or a folder of this user's in /tmp.
 */
export function shareStarters(paths: Home): void {
  const starters = join(sharedCache(), 'starters');
  mkdirSync(starters, { recursive: true, mode: 0o700 });
  linkStarters(paths, starters);
}

/**
 * Lets a temporary home use starter images that this person or the tests built before.
 * @returns their folder; null when there are none, and the home then builds its own
 */
export function linkBuiltStarters(paths: Home): string | null {
  const own = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'guesthouse');
  const built = (starters: string) =>
    existsSync(starters) &&
    readdirSync(starters).some((name) => existsSync(join(starters, name, 'starter.json')));
  const found = [join(own, 'starters'), join(sharedCache(), 'starters')].find(built);
  if (found) linkStarters(paths, found);
  return found ?? null;
}
