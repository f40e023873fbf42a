import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  type LimitOptions,
  limitOptions,
  limitsOf,
  portOf,
  sourceOf,
  volumeOf,
} from './container-options.ts';

const limits = (...words: string[]) => {
  const command = limitOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  return limitsOf(command.parse(words, { from: 'user' }).opts<LimitOptions>(), undefined);
};

describe('limits of a container on the command line', () => {
  it('are sizes, of which a bare number is in MiB, rates and numbers', () => {
    expect(limits('--memory', '64')).toMatchObject({ memory: 64 << 20, swap: 0 });
    expect(limits('--memory', '1.5g', '--swap', '512k')).toMatchObject({
      memory: 1.5 * 2 ** 30,
      swap: 512 << 10,
    });
    expect(limits('--net-up', '8mbit', '--net-down', '500kbit')).toMatchObject({ netUp: 8e6, netDown: 5e5 });
    expect(limits('--cpus', '0.5', '--pids', '20')).toMatchObject({
      cpus: 0.5,
      pids: 20,
      memory: null,
      swap: null,
    });
  });

  it('name a disk once, whatever is held of it', () => {
    expect(
      limits('--disk-read', '/dev/vda=10m', '--disk-write-ops', '/dev/vda=100', '--disk-write', '/dev/vdb=1')
        .disk,
    ).toEqual([
      { device: '/dev/vda', readBps: 10 << 20, writeIops: 100 },
      { device: '/dev/vdb', writeBps: 1 << 20 },
    ]);
  });

  it('are refused where they say nothing', () => {
    for (const words of [
      ['--memory', 'much'],
      ['--net-up', '8 apples'],
      ['--cpus', 'half'],
      ['--disk-read', 'vda'],
    ])
      expect(() => limits(...words), words.join(' ')).toThrow();
  });
});

it('ports listen on this machine alone unless said otherwise', () => {
  expect(portOf('8080:80')).toEqual({ address: '127.0.0.1', hostPort: 8080, port: 80 });
  expect(portOf(':80')).toMatchObject({ hostPort: 0 });
  expect(portOf('[::1]:8080:80')).toEqual({ address: '::1', hostPort: 8080, port: 80 });
  expect(() => portOf('80')).toThrow();
});

it('folders and volumes are given with where they go', () => {
  expect(volumeOf('data:/srv')).toEqual({ source: 'data', target: '/srv', readOnly: false });
  expect(volumeOf('/data:/srv:ro')).toEqual({ source: '/data', target: '/srv', readOnly: true });
  for (const text of ['/data', '/data:/srv:rx', '/a:/b:ro:c']) expect(() => volumeOf(text), text).toThrow();
});

it('file systems are busybox, a Debian, a tar or an image', () => {
  expect(sourceOf({})).toEqual({ kind: 'busybox' });
  expect(sourceOf({ debian: 'nginx, curl' })).toEqual({ kind: 'debian', packages: ['nginx', 'curl'] });
  expect(sourceOf({ tar: '/x/My Root.tar.gz' })).toEqual({
    kind: 'tar',
    path: '/x/My Root.tar.gz',
    image: 'localhost/myroot:1',
  });
});
