import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { ovfText, writeTar } from '../electron/core/guests/ova/testing.ts';
import { bootCode, makeIso } from '../electron/core/guests/testing/boot-media.ts';
import { createSourceTestId, guestStateTestId, testIds } from '../renderer/ui/testids.ts';
import { expectAccessible } from './lib/axe.ts';
import { waitForTerminal } from './lib/screen.ts';
import { errors, launched, openWindow, page } from './lib/window.ts';

let dir: string;

openWindow(({ home }) => {
  dir = join(home, 'files');
  mkdirSync(dir);
});

const dialog = () => page.getByTestId(testIds.createDialog);
const name = () => page.getByTestId(testIds.createName);
const next = () => page.getByTestId(testIds.createNext).click();
const make = () => page.getByTestId(testIds.createSubmit).click();
const done = () => expect(page.getByTestId(testIds.createDone)).toBeVisible({ timeout: 60_000 });
const close = () => dialog().getByRole('button', { name: 'Close' }).click();

/** A raw disk whose boot sector says `word` on the serial port. */
function bootDisk(file: string, word: string): string {
  const disk = Buffer.alloc(4 << 20);
  bootCode(word).copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  writeFileSync(join(dir, file), disk);
  return join(dir, file);
}

test('from an ISO: the first-run page leads there, the medium is recognised, and it starts', async () => {
  const iso = makeIso(dir, 'Debian 13.1.0 amd64 n', 'the installer speaks');
  await page.getByTestId(testIds.createFromFile).click();
  await expect(dialog()).toBeVisible();
  await expect(page.getByTestId(testIds.createNext)).toBeDisabled();
  await page.getByTestId(testIds.createFile).fill(iso);
  await expect(page.getByTestId(testIds.createFound)).toContainText('Debian');
  await expectAccessible(page, 'the dialog with an ISO');
  await next();
  await expect(name()).toHaveValue(/^debian-13/);
  await name().fill('from the medium');
  await dialog().getByLabel('Memory, MiB').fill('256');
  await dialog().getByLabel('Disk, GiB').fill('3');
  await dialog().getByText('TPM 2.0').click();
  await expectAccessible(page, 'what a guest gets');
  await next();
  const review = page.getByTestId(testIds.createReview);
  await expect(review).toContainText('empty disk of 3 GiB');
  await expect(review).toContainText('a TPM 2.0 of its own');
  await expectAccessible(page, 'the review');
  await make();
  await done();
  await expect(dialog()).toContainText('Running', { timeout: 60_000 });
  await page.getByTestId(testIds.createOpen).click();
  await waitForTerminal(page, /the installer speaks/, 60_000);
  await expect(page.getByTestId(guestStateTestId('from the medium'))).toHaveText('Running');
});

test('from an OVA chosen in the system’s dialog: its hardware is taken over', async () => {
  const raw = bootDisk('ova.img', 'unpacked');
  const vmdk = join(dir, 'disk.vmdk');
  execFileSync('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, vmdk]);
  const ova = await writeTar(join(dir, 'old-server.ova'), [
    { name: 'old.ovf', content: ovfText({ disks: [{ file: 'disk.vmdk', capacity: '4', units: 'MB' }] }) },
    { name: 'disk.vmdk', content: readFileSync(vmdk) },
  ]);
  await launched.app.evaluate(({ dialog: native }, file) => {
    native.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [file] });
  }, ova);
  await page.getByTestId(testIds.newGuest).click();
  // An OVA is one wherever it is chosen.
  await page.getByTestId(createSourceTestId('image')).click();
  await page.getByTestId(testIds.createPick).click();
  const found = page.getByTestId(testIds.createFound);
  await expect(found).toContainText('old-server');
  await expect(found).toContainText('none: nothing tells whether the archive is whole');
  await next();
  await expect(name()).toHaveValue('old-server');
  await expect(dialog().getByLabel('Memory, MiB')).toHaveValue('2048');
  await next();
  await expect(page.getByTestId(testIds.createReview)).toContainText('taken out of the archive');
  await page.getByTestId(testIds.createReview).getByText('Start it when it is made').click();
  await make();
  await done();
  await close();
  await expect(page.getByTestId(guestStateTestId('old-server'))).toHaveText('Off');
});

test('a hostile OVA is refused with the reason, before anything is made', async () => {
  const evil = await writeTar(join(dir, 'evil.ova'), [
    { name: 'e.ovf', content: ovfText({ disks: [{ file: 'd.vmdk', capacity: '4' }] }) },
    { name: 'd.vmdk', type: 'symlink', linkname: '/etc/shadow' },
  ]);
  await page.getByTestId(testIds.newGuest).click();
  await page.getByTestId(createSourceTestId('ova')).click();
  await page.getByTestId(testIds.createFile).fill(evil);
  await expect(dialog().getByTestId(testIds.errorNote)).toContainText('symbolic link');
  await expect(dialog().getByTestId(testIds.errorNote)).toContainText('/etc/shadow');
  await expect(page.getByTestId(testIds.createNext)).toBeDisabled();
  await expectAccessible(page, 'a refused archive');
  await page.keyboard.press('Escape');
});

test('from libvirt XML: what it asks for is seen and allowed first', async () => {
  const disk = bootDisk('virsh.img', 'by virsh');
  const xml = join(dir, 'server.xml');
  writeFileSync(
    xml,
    `<domain type='kvm'>
  <name>libvirt-server</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <sound model='sb16'/>
    <hostdev mode='subsystem' type='pci'><source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev>
  </devices>
</domain>
`,
  );
  await page.getByTestId(testIds.newGuest).click();
  await page.getByTestId(createSourceTestId('xml')).click();
  await page.getByTestId(testIds.createFile).fill(xml);
  const problems = page.getByTestId(testIds.createProblems);
  await expect(problems).toContainText(disk);
  await expect(problems).toContainText('only USB devices are passed on');
  await expectAccessible(page, 'the problems of a domain XML');
  await expect(name()).toHaveValue('libvirt-server');
  const submit = page.getByTestId(testIds.createSubmit);
  await expect(submit).toBeDisabled();
  await expect(dialog()).toContainText('To copy its disks, allow the image it reads.');
  await dialog().getByText('Use them where they are').click();
  await expect(submit).toBeEnabled();
  await dialog().getByText('Copy them').click();
  await problems.getByText(disk).click();
  await make();
  await done();
  await close();
  await expect(page.getByTestId(guestStateTestId('libvirt-server'))).toHaveText('Off');
});

test('from a cloud image: where it comes from and how it is checked is said, and a key is asked for', async () => {
  await page.getByTestId(testIds.newGuest).click();
  await page.getByTestId(createSourceTestId('cloud')).click();
  await expect(dialog()).toContainText('SHA512 list');
  await expect(dialog()).toContainText('Not tried');
  await expect(page.getByTestId(testIds.createNext)).toBeDisabled();
  await page.getByTestId(testIds.createCloud).selectOption('ubuntu-24.04');
  await expect(dialog()).toContainText('https://cloud-images.ubuntu.com/');
  await dialog().getByLabel('SSH public keys').fill('ssh-ed25519 AAAAC3Nz me@here');
  await expectAccessible(page, 'the cloud images');
  await next();
  await expect(name()).toHaveValue('ubuntu-24.04');
  await next();
  await expect(page.getByTestId(testIds.createReview)).toContainText('compared with the vendor’s checksum');
  await page.keyboard.press('Escape');
});

test('nothing was logged as an error', () => {
  expect(errors).toEqual([]);
});
