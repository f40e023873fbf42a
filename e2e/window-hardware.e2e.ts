import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import {
  actionTestId,
  guestRowTestId,
  hardwareRowTestId,
  tabTestId,
  testIds,
} from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { writeGuests } from './lib/library.ts';
import { openWindow, page } from './lib/window.ts';

const port = 20_000 + (process.pid % 20_000);

// A guest with a card and a disk that nothing boots from: what QEMU does is seen, what a system would is not.
openWindow((home) => {
  // Inside the library, so that nobody asks for consent.
  const disk = join(home.data, 'guesthouse', 'bench.qcow2');
  mkdirSync(join(home.data, 'guesthouse'), { recursive: true, mode: 0o700 });
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '64M']);
  writeGuests(home, [{ name: 'bench', xml: xml(disk) }]);
});
test.beforeAll(async () => {
  await page.getByTestId(guestRowTestId('bench')).click();
  await page.getByTestId(tabTestId('hardware')).click();
  await expect(page.getByTestId(testIds.hardwareTab)).toBeVisible();
});

const row = (part: string) => page.getByTestId(hardwareRowTestId(part));
const opened = async (part: string) => {
  const toggle = row(part).getByRole('button', { expanded: false }).first();
  if ((await toggle.count()) > 0) await toggle.click();
  return row(part);
};
async function add(device: string): Promise<void> {
  await page.getByTestId(testIds.addDevice).click();
  await page.getByRole('menuitem', { name: device }).click();
}

test('what is off is edited, and each edit can be undone', async () => {
  await expect(row('memory')).toContainText('64 MiB');
  const memory = await opened('memory');
  await memory.getByLabel('Memory, MiB').fill('128');
  await memory.getByLabel('Memory, MiB').press('Tab');
  await memory.getByRole('button', { name: 'Apply' }).click();
  await expect(row('memory')).toContainText('128 MiB');
  await page.getByTestId(testIds.toast).getByRole('button', { name: 'Undo' }).first().click();
  await expect(row('memory')).toContainText('64 MiB');
  await add('Watchdog');
  await expect(row('watchdog')).toContainText('i6300esb');
  await (await opened('watchdog')).getByRole('button', { name: 'Remove' }).click();
  await expect(row('watchdog')).toHaveCount(0);
  await expectAccessible(page, 'the hardware of a guest that is off');
});

test('a change of kind says what it means before it is made', async () => {
  await page.getByTestId(testIds.changeKind).click();
  const dialog = page.getByTestId(testIds.kindDialog);
  await expect(dialog).toContainText('What changes');
  await expect(dialog).toContainText('e1000e');
  await dialog.getByText(/^No PC at all/).click();
  await expect(dialog).toContainText('kernel');
  await expect(dialog.getByRole('button', { name: 'Make it paravirtual' })).toBeDisabled();
  await expectAccessible(page, 'the kinds');
  await dialog.getByText(/^Hardware as in a real PC/).click();
  await dialog.getByRole('button', { name: 'Make it full' }).click();
  await expect(row('disk:sda')).toContainText('SATA');
  await page.getByTestId(testIds.toast).getByRole('button', { name: 'Undo' }).last().click();
  await expect(row('disk:vda')).toContainText('virtio');
});

test('while it runs, what can be is changed at once and the rest waits, visibly', async () => {
  await page.getByTestId(actionTestId('start')).click();
  await expect(page.getByTestId(actionTestId('shutdown'))).toBeVisible();
  const forwards = await opened('forwards');
  await forwards.getByLabel('Here').fill(String(port));
  await forwards.getByLabel('In the guest').fill('80');
  await forwards.getByLabel('In the guest').press('Tab');
  await forwards.getByRole('button', { name: 'Add the port' }).click();
  await expect(forwards).toContainText(`${port} → 80`);
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
  await expect(page.getByTestId(testIds.guestDetails)).not.toContainText('Changes were made since');
  await add('Sound card');
  await expect(row('sound')).toContainText('at next start');
  await add('Watchdog');
  await expect(page.getByTestId(testIds.hardwareTab)).toContainText('2 changes wait for the next start');
  await expectAccessible(page, 'changes that wait');
  await row('sound')
    .getByRole('button', { name: /Take back/ })
    .click();
  await expect(row('sound')).toHaveCount(0);
  await expect(row('watchdog')).toContainText('at next start');
  await row('watchdog')
    .getByRole('button', { name: /Take back/ })
    .click();
  await expect(row('watchdog')).toHaveCount(0);
});

function xml(disk: string): string {
  return `<domain type='qemu'>
  <name>bench</name>
  <uuid>${randomUUID()}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${disk}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='user'>
      <mac address='52:54:00:00:00:01'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'>
      <target port='0'/>
    </serial>
  </devices>
</domain>
`;
}
