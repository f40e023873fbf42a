import { randomUUID } from 'node:crypto';
import { expect, test } from '@playwright/test';
import { navTestId, networkMemberTestId, networkRowTestId, testIds } from '../renderer/ui/testids.ts';
import type { Bridge } from '../shared/ipc/contract.ts';
import type { SharedNetwork } from '../shared/model/network.ts';
import { expectAccessible } from './lib/axe.ts';
import { writeGuests } from './lib/library.ts';
import { errors, launch, launched, openWindow, page, resize, shot } from './lib/window.ts';

// Guests whose firmware looks for a system on the network: a real DHCP client, without waiting for one to boot.
test.describe.configure({ mode: 'serial' });

const guestOn = (name: string, last: string, nic: string) => ({
  name,
  xml: `<domain type='qemu'>
  <name>${name}</name>
  <uuid>${randomUUID()}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <boot dev='network'/>
  </os>
  <devices>
    <interface ${nic}
      <mac address='52:54:00:77:00:${last}'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'>
      <target port='0'/>
    </serial>
  </devices>
</domain>
`,
});
const shared = "type='network'><source network='default'/>";

const list = () =>
  page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('networks.list', undefined);
    if (!answer.ok) throw new Error(answer.error.message);
    return answer.value as SharedNetwork[];
  });
const start = (id: string) =>
  page.evaluate(async (guest) => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const answer = await bridge.call('guests.start', { id: guest });
    if (!answer.ok) throw new Error(answer.error.message);
  }, id);
const details = () => page.getByTestId(testIds.networkDetails);
const member = (name: string) => page.getByTestId(networkMemberTestId(name));

openWindow((home) =>
  writeGuests(home, [
    guestOn('web-01', '01', shared),
    guestOn('web-02', '02', shared),
    guestOn('alone', '03', "type='user'>"),
  ]),
);

test('there is a network from the start; each card on it has its address before it ever ran', async () => {
  await page.getByTestId(navTestId('networks')).click();
  await expect(page.getByTestId(networkRowTestId('default'))).toContainText('10.77.0.0/24');
  await expect(member('web-01')).toContainText('10.77.0.10');
  await expect(member('web-02')).toContainText('web-02.default.internal');
  await expect(page.getByTestId(testIds.networksPage)).toContainText('reach each other by name');
  await expectAccessible(page, 'networks');
  await shot('off');
});

test('guests that run are plugged in and take their addresses', async () => {
  test.setTimeout(180_000);
  await start('web-01');
  await start('web-02');
  for (const name of ['web-01', 'web-02']) {
    await expect(member(name)).toContainText('Plugged in', { timeout: 60_000 });
    await expect(member(name)).toContainText(/sent, .* received/, { timeout: 90_000 });
  }
  await expect(details()).toContainText('On');
  const [network] = await list();
  expect(network!.members.every(({ leasedAt }) => leasedAt !== null)).toBe(true);
  await shot('on');
});

test('the network outlives the window that is killed, and the next one finds it', async () => {
  test.setTimeout(120_000);
  const [before] = await list();
  const child = launched.app.process();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  await launched.close().catch(() => {});
  await launch();
  await page.getByTestId(navTestId('networks')).click();
  await expect(member('web-01')).toContainText('Plugged in');
  const [after] = await list();
  expect(after).toMatchObject({ pid: before!.pid, since: before!.since, state: 'on' });
});

test('a network is made, a guest plugged into it, and it is deleted only when nobody is on it', async () => {
  await page.getByTestId(testIds.newNetwork).click();
  const dialog = page.getByTestId(testIds.networkDialog);
  await page.getByTestId(testIds.networkName).fill('../up');
  await expect(dialog).toContainText('lower-case letters');
  await expect(page.getByTestId(testIds.networkSubmit)).toBeDisabled();
  await page.getByTestId(testIds.networkName).fill('lab');
  await expect(dialog).toContainText('web.lab.internal');
  await dialog.getByText('A way out').click();
  await expectAccessible(page, 'the dialog of a new network');
  await shot('new');
  await page.getByTestId(testIds.networkSubmit).click();
  await page.getByTestId(networkRowTestId('lab')).click();
  await expect(details()).toContainText('none: guests reach each other alone');
  await page.getByTestId(testIds.networkPlug).click();
  await page.getByTestId('network-guest').selectOption({ label: 'alone' });
  await shot('plug');
  await page.getByTestId(testIds.networkSubmit).click();
  await expect(member('alone')).toContainText('10.77.1.10');
  await shot('lab');
  await page.getByRole('button', { name: 'More actions' }).last().click();
  await page.getByTestId('network-delete').click();
  await expect(page.getByText('These have a card on it: alone.')).toBeVisible();
  await shot('delete-refused');
  await page.keyboard.press('Escape');
  await page.evaluate(async () => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    await bridge.call('networks.plug', { id: 'alone', place: { kind: 'user' } });
  });
  await expect(details()).toContainText('No guest has a card on it yet.');
  await page.getByRole('button', { name: 'More actions' }).last().click();
  await page.getByTestId('network-delete').click();
  await page.getByTestId(testIds.dialogConfirm).click();
  await expect(page.getByTestId(networkRowTestId('lab'))).toBeHidden();
});

test('fits a small window, dark or light, and no page complained', async () => {
  await page.getByTestId(networkRowTestId('default')).click();
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot('dark');
  await resize(900, 600);
  await expect(member('web-01')).toBeVisible();
  await shot('small');
  expect(errors).toEqual([]);
});
