import { expect, it } from 'vitest';
import type { HostFacts } from '../../../shared/model/container.ts';
import { containerSpec } from '../../../shared/model/container-spec.ts';
import { createCommand } from './create-args.ts';
import { readInfo } from './probe.ts';

const facts = (selinux: boolean): HostFacts => ({
  version: '5.2.0',
  rootless: true,
  user: 'me',
  cgroups: 'v2',
  manager: 'systemd',
  runtime: 'crun',
  arch: 'amd64',
  cpus: 2,
  memory: 2 ** 30,
  devices: [],
  needs: [],
  selinux,
  sudoWorks: false,
  limits: [],
});
const spec = containerSpec.parse({
  name: 'web',
  source: { kind: 'busybox' },
  volumes: [
    { source: '/srv/www', target: '/www', readOnly: true },
    { source: '/srv/data', target: '/data' },
    { source: 'keep.1', target: '/keep' },
    { source: 'keep.1', target: '/look', readOnly: true },
  ],
});
const volumes = (selinux: boolean) =>
  createCommand(spec, 'localhost/x:1', { global: [], create: [] }, facts(selinux), 'op').args.filter((arg) =>
    arg.startsWith('--volume='),
  );

it('gives folders and volumes, and with SELinux labels the folders alone', () => {
  expect(volumes(false)).toEqual([
    '--volume=/srv/www:/www:ro',
    '--volume=/srv/data:/data',
    '--volume=keep.1:/keep',
    '--volume=keep.1:/look:ro',
  ]);
  expect(volumes(true)).toEqual([
    '--volume=/srv/www:/www:ro,z',
    '--volume=/srv/data:/data:z',
    '--volume=keep.1:/keep',
    '--volume=keep.1:/look:ro',
  ]);
});

it('knows from podman whether SELinux is on', () => {
  // podman 5 on Fedora, podman 4.3 on Debian.
  const info = (security: object) => readInfo(JSON.stringify({ host: { security }, version: {} })).selinux;
  expect(info({ selinuxEnabled: true, rootless: true })).toBe(true);
  expect(info({ selinuxEnabled: false, rootless: true })).toBe(false);
  expect(info({})).toBe(false);
});

it('takes no source that is neither a full path nor a name', () => {
  const source = (text: string) =>
    containerSpec.safeParse({
      name: 'web',
      source: { kind: 'busybox' },
      volumes: [{ source: text, target: '/x' }],
    }).success;
  for (const text of ['', 'data/x', './data', '../data', '-v', '.hidden', 'a:b', '/a:b', '/a,b', 'a b', 'é'])
    expect(source(text), JSON.stringify(text)).toBe(false);
  for (const text of ['/a b', '/', 'data', 'Data_1.x-y']) expect(source(text), text).toBe(true);
});
