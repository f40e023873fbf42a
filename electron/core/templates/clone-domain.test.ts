import { describe, expect, it } from 'vitest';
import { type Domain, domainProps, newDomain } from '../domain/index.ts';
import { hostPorts } from '../guests/ports.ts';
import { type CloneDomainSpec, cloneDomain } from './clone-domain.ts';

const source = newDomain({
  name: 'debian',
  kind: 'hybrid',
  machine: 'pc-q35-7.2',
  memoryMiB: 1024,
  vcpus: 2,
  uuid: '11111111-1111-4111-8111-111111111111',
  genid: '21111111-1111-4111-8111-111111111111',
  disks: [{ file: '/lib/templates/t-1/vda.qcow2', format: 'qcow2', backing: [] }],
  interfaces: [{ mac: '52:54:00:aa:bb:cc' }],
  bootFromDisk: 'vda',
  kernel: { kernel: '/lib/templates/t-1/boot/vmlinuz', initrd: '/lib/templates/t-1/boot/initrd.img' },
  firmware: {
    code: '/usr/share/OVMF/code.fd',
    nvram: '/lib/templates/t-1/nvram.qcow2',
    nvramTemplate: '/usr/share/OVMF/vars.fd',
  },
  serialLog: '/lib/templates/t-1/serial.log',
  sshUser: 'debian',
  sshHostPort: 2201,
  forwards: [{ proto: 'tcp', hostAddress: '127.0.0.1', hostPort: 8080, guestPort: 80 }],
  tags: ['old'],
});
const spec: CloneDomainSpec = {
  name: 'web-01',
  uuid: '31111111-1111-4111-8111-111111111111',
  genid: '41111111-1111-4111-8111-111111111111',
  macs: new Map([['52:54:00:aa:bb:cc', '52:54:00:11:22:33']]),
  disks: new Map([['vda', { file: '/lib/guests/c-1/vda.qcow2', format: 'qcow2' }]]),
  sourceFolder: '/lib/templates/t-1',
  folder: '/lib/guests/c-1',
  origin: { uuid: source.uuid, name: 'debian', linked: true },
  ports: new Map([
    [2201, 2207],
    [8080, 8081],
  ]),
  sshUser: null,
  vcpus: 4,
  memory: 2048,
  tags: ['web'],
};
const clone: Domain = cloneDomain(source, spec);

describe('cloneDomain', () => {
  it('shares no identifying value and no file with its source', () => {
    for (const secret of [
      '11111111-1111-4111',
      '21111111',
      'aa:bb:cc',
      '/lib/templates',
      "'2201'",
      '8080',
      'old',
    ])
      expect(clone.text.replace(/<gh:origin[^>]*>/, ''), secret).not.toContain(secret);
    expect(clone.uuid).toBe(spec.uuid);
    expect(clone.get(domainProps.genid)).toBe(spec.genid);
    expect(clone.disks()[0]).toMatchObject({
      file: '/lib/guests/c-1/vda.qcow2',
      backing: null,
      readonly: false,
    });
    expect(clone.metadata).toMatchObject({
      origin: { uuid: source.uuid, name: 'debian', linked: true },
      ssh: { user: 'debian', hostPort: 2207 },
      tags: ['web'],
    });
    expect([clone.vcpus, clone.memoryMiB]).toEqual([4, 2048]);
    expect(hostPorts(clone)).toEqual([2207, 8081]);
  });

  it('keeps everything else, and the source as it was', () => {
    const back = cloneDomain(clone, {
      ...spec,
      name: 'debian',
      uuid: source.uuid!,
      genid: source.get(domainProps.genid)!,
      macs: new Map([['52:54:00:11:22:33', '52:54:00:aa:bb:cc']]),
      disks: new Map([['vda', { file: '/lib/templates/t-1/vda.qcow2', format: 'qcow2' }]]),
      sourceFolder: spec.folder,
      folder: spec.sourceFolder,
      ports: new Map([
        [2207, 2201],
        [8081, 8080],
      ]),
      vcpus: 2,
      memory: 1024,
      tags: ['old'],
    });
    const plain = (text: string) =>
      text.replace(/\s*<gh:origin[^>]*>/, '').replace(/\s*<backingStore\/>/, '');
    expect(plain(back.text)).toBe(plain(source.text));
  });
});
