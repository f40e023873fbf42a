import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDomain } from '../domain/index.ts';
import { newSpecs } from '../domain/testing.ts';
import { openTestCore, type TestCore } from '../testing/core.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';

let home: TempHome;
let at: TestCore;
let outside: string;
const call = ((name, input) => at.core.call(name, input)) as TestCore['core']['call'];
beforeEach(async () => {
  home = tempHome();
  at = await openTestCore(home.paths, { qemu: '/nonexistent/qemu' });
  outside = path.join(home.paths.home, 'images');
  mkdirSync(outside, { recursive: true });
});
afterEach(async () => {
  await at.close();
  home.remove();
});

const uuid = '6a0e1f00-0000-4000-8000-0000000000aa';
function image(name: string, ...options: string[]): string {
  const file = path.join(outside, name);
  execFileSync('qemu-img', ['create', '-q', ...options, file, ...(options.includes('-b') ? [] : ['8M'])]);
  return file;
}
/** As a person writes one by hand: double quotes, a comment, no addresses. */
const foreign = (disk: string, format = 'qcow2', more = '') => `<?xml version="1.0"?>
<!-- from elsewhere -->
<domain type="kvm">
  <name>old box</name>
  <uuid>${uuid}</uuid>
  <memory unit="MiB">64</memory>
  <vcpu>1</vcpu>
  <os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
  <devices>
    <emulator>/tmp/evil</emulator>
    <disk type="file" device="disk"><driver name="qemu" type="${format}"/><source file="${disk}"/><target dev="vda" bus="virtio"/></disk>${more}
  </devices>
</domain>
`;
async function imported(input: Parameters<typeof call<'guests.importXml'>>[1]) {
  const started = await call('guests.importXml', input);
  await at.done(started);
  return started;
}
const xmlOf = async (id: string) => (await call('guests.exportXml', { id })).xml;

describe('export and import', () => {
  for (const [name, spec] of Object.entries(newSpecs))
    it(`gives libvirt ${name}, and takes it back from both without a difference`, async () => {
      const { text } = newDomain(spec);
      const first = await imported({ xml: text });
      expect(first.changes).toEqual([]);
      expect(await xmlOf(first.id)).toBe(text);

      const check = await call('guests.checkXml', { xml: text });
      expect(check.schema).toEqual({ state: 'valid', messages: [] });
      expect(check.problems.filter((one) => one.kind === 'unsupported')).toEqual([]);
      const file = path.join(outside, 'domain.xml');
      writeFileSync(file, text);
      const virsh = spawnSync(
        'virsh',
        ['-q', '-c', 'test:///default', `define ${file}; dumpxml ${spec.name}`],
        {
          encoding: 'utf8',
        },
      );
      expect(virsh.stderr).toBe('');
      const dumped = virsh.stdout.slice(virsh.stdout.indexOf('<domain'));
      await call('guests.delete', { id: first.id });

      // What libvirt made of it is ours again: the same machine, and nothing in it that cannot be run.
      const again = await imported({ xml: dumped });
      expect(again.changes).toEqual([]);
      expect(await xmlOf(again.id)).toBe(dumped);
      const { problems } = await call('guests.detail', { id: again.id });
      expect(problems.filter((one) => one.kind === 'unsupported')).toEqual([]);
      expect((await at.guest(again.id)).uuid).toBe(spec.uuid);
    });

  it('keeps what nobody edited byte for byte, and says what it had to add', async () => {
    const disk = image('a.qcow2', '-f', 'qcow2');
    const text = foreign(disk);
    const { id, changes } = await imported({ xml: text });
    expect(changes).toEqual(['Devices without an address were given one, as libvirt does.']);
    const kept = await xmlOf(id);
    expect(kept.replace(/<address type="pci"[^>]*\/>/g, '').replace(/\s+</g, '<')).toBe(
      text.replace(/\s+</g, '<'),
    );
    expect(existsSync(path.join(home.paths.guests, id, 'domain.xml'))).toBe(true);
  });

  it('asks before the first start for all that is outside, and never runs the emulator named', async () => {
    const disk = image('a.qcow2', '-f', 'qcow2');
    const { id } = await imported({ xml: foreign(disk) });
    await expect(call('guests.start', { id })).rejects.toMatchObject({
      code: 'needs-consent',
      why: expect.stringContaining(disk),
    });
    const { problems, commandLine } = await call('guests.detail', { id });
    expect(problems).toContainEqual(
      expect.objectContaining({ path: 'devices/emulator', line: 10, kind: 'unsupported' }),
    );
    expect(commandLine?.join(' ')).not.toContain('evil');
    await call('guests.allowOutside', { id, reaches: [disk] });
    await expect(call('guests.start', { id }).then((started) => at.done(started))).rejects.toMatchObject({
      code: 'program-missing',
    });
  });

  it('copies and links images only when they are agreed to', async () => {
    const disk = image('a.qcow2', '-f', 'qcow2');
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x5a 0 64k', disk]);
    for (const disks of ['copy', 'link'] as const) {
      await expect(imported({ xml: foreign(disk), disks })).rejects.toMatchObject({
        code: 'needs-consent',
        why: expect.stringContaining(disk),
      });
      const { id } = await imported({ xml: foreign(disk), disks, agreed: [disk], name: disks });
      const guest = await at.guest(id);
      expect(guest).toMatchObject({ problem: null, state: 'off', name: disks });
      const own = path.join(home.paths.guests, id, 'vda.qcow2');
      expect(guest.disks).toMatchObject([
        { file: own, format: 'qcow2', backing: disks === 'link' ? disk : null },
      ]);
      const read = execFileSync('qemu-io', ['-f', 'qcow2', '-r', '-c', 'read -P 0x5a 0 64k', own], {
        encoding: 'utf8',
      });
      expect(read).not.toContain('verification failed');
    }
    // The second one is another machine.
    const { guests } = await call('core.snapshot', undefined);
    expect(new Set(guests.map((guest) => guest.uuid)).size).toBe(2);
  });

  it('refuses images that reach for other files, whatever was agreed to', async () => {
    const secret = path.join(outside, 'secret');
    writeFileSync(secret, 'x'.repeat(4096));
    const based = image('based.qcow2', '-f', 'qcow2', '-F', 'raw', '-b', secret);
    for (const disks of ['copy', 'link'] as const)
      await expect(imported({ xml: foreign(based), disks, agreed: [based] })).rejects.toMatchObject({
        code: 'disk-refused',
        why: expect.stringContaining(secret),
      });
    const extents = path.join(outside, 'x.vmdk');
    writeFileSync(
      extents,
      `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "${secret}" 0\n`,
    );
    await expect(
      imported({ xml: foreign(extents, 'vmdk'), disks: 'copy', agreed: [extents] }),
    ).rejects.toMatchObject({ code: 'disk-refused', why: expect.stringContaining(secret) });
    expect(readdirSync(home.paths.guests)).toEqual([]);
    expect(readdirSync(home.paths.staging)).toEqual([]);
    // Used in place, the guest shows why it cannot be started.
    for (const [name, file, format] of [
      ['one', based, 'qcow2'],
      ['two', extents, 'vmdk'],
    ] as const) {
      const { id } = await imported({ xml: foreign(file, format), name, agreed: [file] });
      expect(await at.guest(id)).toMatchObject({ state: 'broken', problem: { code: 'disk-refused' } });
    }
  });

  it('refuses what any drive and any layer reaches for, before QEMU opens it', async () => {
    const secret = path.join(outside, 'secret');
    writeFileSync(secret, 'x'.repeat(4096));
    const plain = image('a.qcow2', '-f', 'qcow2');
    const cd = image('cd.iso', '-f', 'qcow2', '-F', 'raw', '-b', secret);
    const drive = (device: string, bus: string, dev: string) =>
      `<disk type="file" device="${device}"><driver name="qemu" type="qcow2"/><source file="${cd}"/><target dev="${dev}" bus="${bus}"/></disk>`;
    for (const [name, more] of [
      ['cd', drive('cdrom', 'sata', 'sda')],
      ['floppy', drive('floppy', 'fdc', 'fda')],
    ] as const) {
      const { id } = await imported({ xml: foreign(plain, 'qcow2', more), name, agreed: [plain, cd] });
      expect(await at.guest(id)).toMatchObject({
        state: 'broken',
        problem: { code: 'disk-refused', why: expect.stringContaining(secret) },
      });
    }
    // Two layers deep, and a data file below: one header alone looks harmless, and so the guest does in the list.
    const deep = image('deep.qcow2', '-f', 'qcow2', '-F', 'qcow2', '-b', cd);
    const data = image('data.qcow2', '-f', 'qcow2', '-o', `data_file=${secret}-data`);
    renameSync(data, path.join(outside, 'elsewhere.qcow2'));
    const below = image(
      'below.qcow2',
      '-f',
      'qcow2',
      '-F',
      'qcow2',
      '-b',
      path.join(outside, 'elsewhere.qcow2'),
    );
    const named = foreign(plain).replace(
      '<target',
      `<backingStore type="file"><format type="qcow2"/><source file="${cd}"/></backingStore><target`,
    );
    for (const [name, xml, agreed] of [
      ['deep', foreign(deep), [deep, cd]],
      ['data', foreign(below), [below, path.join(outside, 'elsewhere.qcow2')]],
      ['named', named, [plain, cd]],
    ] as const) {
      const { id } = await imported({ xml, name, agreed: [...agreed] });
      const started = call('guests.start', { id }).then((operation) => at.done(operation));
      await expect(started, name).rejects.toMatchObject({
        code: 'disk-refused',
        why: expect.stringContaining(secret),
      });
    }
    // Agreed to, QEMU is asked for; a medium that is gone and may be is no reason to refuse.
    const gone = foreign(
      plain,
      'qcow2',
      '<disk type="file" device="cdrom"><source file="/gone.iso" startupPolicy="optional"/><target dev="sda" bus="sata"/></disk>',
    );
    for (const [name, xml, agreed] of [
      ['agreed', foreign(deep), [deep, cd, secret]],
      ['optional', gone, [plain, '/gone.iso']],
    ] as const) {
      const { id } = await imported({ xml, name, agreed: [...agreed] });
      const started = call('guests.start', { id }).then((operation) => at.done(operation));
      await expect(started, name).rejects.toMatchObject({ code: 'program-missing' });
    }
  });

  it('gives a UEFI guest from elsewhere this computer’s firmware, and variables of its own', async () => {
    const plain = image('a.qcow2', '-f', 'qcow2');
    const uefi = (name: string, os: string, more = '') =>
      foreign(plain)
        .replace('<os><type', `<os${more}><type`)
        .replace('</os>', `${os}</os>`)
        .replace('old box', name);
    const absent = '/var/lib/libvirt/qemu/nvram/nobody_VARS.fd';
    for (const [name, xml] of [
      ['auto', uefi('auto', '', ' firmware="efi"')],
      [
        'named',
        uefi(
          'named',
          `<loader readonly="yes" type="pflash">/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram template="/usr/share/OVMF/OVMF_VARS_4M.fd">${absent}</nvram>`,
        ),
      ],
      [
        'elsewhere',
        uefi(
          'elsewhere',
          `<loader readonly="yes" type="pflash">/usr/share/edk2/ovmf/OVMF_CODE.fd</loader><nvram type="file"><source file="${absent}"/></nvram>`,
        ),
      ],
    ] as const) {
      const { id } = await imported({ xml, name, agreed: [plain, absent] });
      const started = call('guests.start', { id }).then((operation) => at.done(operation));
      await expect(started, name).rejects.toMatchObject({ code: 'program-missing' });
      const store = path.join(home.paths.guests, id, 'nvram.qcow2');
      expect(existsSync(store), name).toBe(true);
      const { commandLine } = await call('guests.detail', { id });
      const nodes = commandLine!
        .filter((one) => one.includes('"node-name":"pflash'))
        .map((one) => JSON.parse(one));
      expect(nodes, name).toMatchObject([
        { filename: '/usr/share/OVMF/OVMF_CODE_4M.fd' },
        { driver: 'raw' },
        { filename: store },
        { driver: 'qcow2', backing: null },
      ]);
      expect(await xmlOf(id), name).toContain(xml.slice(xml.indexOf('<os'), xml.indexOf('<devices>')));
    }
    expect(await call('guests.checkXml', { xml: uefi('x', '', ' firmware="efi"') })).toMatchObject({
      problems: expect.not.arrayContaining([expect.objectContaining({ path: 'os' })]),
    });
  });

  it('copies a machine’s firmware variables with its disks, and lets nobody share them', async () => {
    const plain = image('a.qcow2', '-f', 'qcow2');
    const store = path.join(outside, 'vars.fd');
    copyFileSync('/usr/share/OVMF/OVMF_VARS_4M.fd', store);
    const xml = foreign(plain).replace(
      '</os>',
      `<loader readonly="yes" type="pflash">/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>${store}</nvram></os>`,
    );
    await expect(imported({ xml, disks: 'copy', agreed: [plain] })).rejects.toMatchObject({
      code: 'needs-consent',
      why: expect.stringContaining(store),
    });
    const { id } = await imported({ xml, disks: 'copy', agreed: [plain, store] });
    const own = path.join(home.paths.guests, id, 'nvram.qcow2');
    expect(await xmlOf(id)).toContain(`<nvram>${own}</nvram>`);
    execFileSync('qemu-img', ['compare', '-q', '-f', 'raw', '-F', 'qcow2', store, own]);
    const thief = foreign(plain).replace(
      '</os>',
      `<loader readonly="yes" type="pflash">/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>${own}</nvram></os>`,
    );
    await expect(imported({ xml: thief, name: 'thief', agreed: [plain] })).rejects.toMatchObject({
      code: 'disk-refused',
      why: expect.stringContaining(own),
    });
  });

  it('gives nobody the disk of another guest', async () => {
    const disk = image('a.qcow2', '-f', 'qcow2');
    const { id } = await imported({ xml: foreign(disk), disks: 'copy', agreed: [disk] });
    const text = await xmlOf(id);
    const own = path.join(home.paths.guests, id, 'vda.qcow2');
    await expect(imported({ xml: text, name: 'thief' })).rejects.toMatchObject({ code: 'disk-refused' });
    symlinkSync(own, path.join(outside, 'harmless'));
    await expect(
      imported({ xml: foreign(path.join(outside, 'harmless')), name: 'thief' }),
    ).rejects.toMatchObject({ code: 'disk-refused' });
    const second = await imported({ xml: text, name: 'second', disks: 'copy' });
    expect(second.changes).toEqual([expect.stringContaining('old box has its UUID already')]);
  });

  it('refuses what is no domain, and names that are taken', async () => {
    await expect(call('guests.importXml', { xml: '<a/><b/>' })).rejects.toMatchObject({
      code: 'xml-invalid',
    });
    await expect(call('guests.importXml', { path: '/dev/zero' })).rejects.toMatchObject({
      code: 'invalid-input',
    });
    await expect(call('guests.importXml', {})).rejects.toMatchObject({ code: 'invalid-input' });
    const text = newDomain(newSpecs['new-hybrid']!).text;
    await imported({ xml: text });
    await expect(call('guests.importXml', { xml: text })).rejects.toMatchObject({ code: 'name-taken' });
  });
});

describe('editing', () => {
  it('replaces the text it began with, can be undone, and refuses when it is another by now', async () => {
    const text = newDomain(newSpecs['new-hybrid']!).text;
    const { id } = await imported({ xml: text });
    const more = text.replace("<vcpu placement='static'>2<", "<vcpu placement='static'>4<");
    const { operation, problems, schema } = await call('guests.setXml', { id, xml: more, expected: text });
    expect((await at.guest(id)).vcpus).toBe(4);
    expect(schema.state).toBe('valid');
    expect(problems.every((one) => one.kind === 'outside')).toBe(true);
    await expect(call('guests.setXml', { id, xml: text, expected: text })).rejects.toMatchObject({
      code: 'wrong-state',
    });
    await call('operations.undo', { id: operation });
    expect(await xmlOf(id)).toBe(text);
    await expect(call('guests.setXml', { id, xml: `${text}<x/>`, expected: text })).rejects.toMatchObject({
      code: 'xml-invalid',
    });
    expect(await xmlOf(id)).toBe(text);
  });

  it('tells the line of what is wrong', async () => {
    expect(await call('guests.checkXml', { xml: '<domain>\n <a>\n</domain>' })).toMatchObject({
      invalid: { line: 3, reason: expect.stringContaining('a') },
    });
    const odd = newDomain(newSpecs['new-hybrid']!).text.replace('<os>', '<invented/>\n  <os>');
    const { schema, problems } = await call('guests.checkXml', { xml: odd });
    const line = odd.slice(0, odd.indexOf('<invented/>')).split('\n').length;
    expect(schema.state).toBe('invalid');
    expect(schema.messages.length).toBeGreaterThan(0);
    expect(problems).toContainEqual(expect.objectContaining({ path: 'invented', line }));
  });
});
