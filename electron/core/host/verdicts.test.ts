import { describe, expect, it } from 'vitest';
import type { ProgramStatus } from '../../../shared/model/host.ts';
import { versionIn } from './programs.ts';
import {
  diskVerdict,
  kvmVerdict,
  logoutVerdict,
  memoryVerdict,
  parseCpuInfo,
  processorVerdict,
  programsVerdict,
  qemuVerdict,
} from './verdicts.ts';

const cpu = (vendor: string, flags: string) =>
  parseCpuInfo(
    [0, 1]
      .map(
        (n) =>
          `processor\t: ${n}\nvendor_id\t: ${vendor}\nmodel name\t: Fast 9000\nflags\t\t: fpu ${flags} sse`,
      )
      .join('\n\n'),
  );

describe('the processor', () => {
  it('is read from /proc/cpuinfo', () => {
    expect(cpu('GenuineIntel', 'vmx')).toMatchObject({ vendor: 'Intel', threads: 2, virtualization: 'vmx' });
    expect(cpu('AuthenticAMD', 'svm')).toMatchObject({ vendor: 'AMD', virtualization: 'svm' });
    expect(parseCpuInfo('')).toMatchObject({ vendor: 'unknown', virtualization: null, threads: 1 });
  });

  it('is told how to be switched on, by its own name for it', () => {
    expect(processorVerdict(cpu('GenuineIntel', 'vmx'))).toMatchObject({ status: 'ok', todo: null });
    expect(processorVerdict(cpu('GenuineIntel', '')).todo).toContain('Intel Virtualization Technology');
    expect(processorVerdict(cpu('AuthenticAMD', '')).todo).toContain('SVM');
    expect(processorVerdict(cpu('GenuineIntel', 'hypervisor')).summary).toContain('virtual machine');
  });
});

describe('verdicts', () => {
  const kvm = (state: 'works' | 'absent' | 'no-permission' | 'unusable') =>
    kvmVerdict({ chosen: 'tcg', kvm: state, why: 'Because.', triedAt: 0 }, 'ann');
  it('of KVM say what to do', () => {
    expect(kvm('works').status).toBe('ok');
    expect(kvm('no-permission')).toMatchObject({ status: 'bad', command: 'sudo usermod -aG kvm ann' });
    expect(kvm('absent').todo).not.toBeNull();
    expect(kvm('unusable').status).toBe('warning');
  });

  it('say what logging out does to guests, and what to do about it', () => {
    expect(logoutVerdict(true)).toMatchObject({ status: 'ok', todo: null });
    expect(logoutVerdict(false)).toMatchObject({ status: 'warning', command: 'loginctl enable-linger' });
  });

  it('of QEMU compare versions as numbers', () => {
    expect(qemuVerdict('7.2.22').status).toBe('ok');
    expect(qemuVerdict('10.0.1').status).toBe('ok');
    expect(qemuVerdict('7.1.9').status).toBe('bad');
    expect(qemuVerdict(null)).toMatchObject({ status: 'bad', command: expect.stringContaining('apt') });
  });

  it('of memory and disk warn in time', () => {
    const gib = 2 ** 30;
    expect(memoryVerdict({ total: 8 * gib, available: 4 * gib }).status).toBe('ok');
    expect(memoryVerdict({ total: 8 * gib, available: gib }).status).toBe('warning');
    expect(memoryVerdict({ total: 8 * gib, available: gib / 4 }).status).toBe('bad');
    expect(diskVerdict({ path: '/x', total: 100 * gib, free: 50 * gib }).status).toBe('ok');
    expect(diskVerdict({ path: '/x', total: 100 * gib, free: gib / 2 })).toMatchObject({ status: 'bad' });
  });

  it('of programs name the packages', () => {
    const program = (name: string, path: string | null, required: boolean): ProgramStatus => ({
      name,
      purpose: '',
      path,
      version: null,
      package: `${name}-pkg`,
      required,
    });
    expect(programsVerdict([program('a', '/a', true)]).status).toBe('ok');
    const optional = [program('a', '/a', true), program('b', null, false)];
    expect(programsVerdict(optional, false)).toMatchObject({
      status: 'warning',
      summary: 'All that is needed is there. Optional, and not installed: b.',
      todo: expect.stringContaining('Guests run without'),
      command: 'sudo apt install b-pkg',
    });
    expect(programsVerdict(optional, true).command).toBe('apt install b-pkg');
    expect(programsVerdict([program('a', null, true)])).toMatchObject({ status: 'bad' });
  });

  it('find versions in what programs print', () => {
    expect(versionIn('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)')).toBe('7.2.22');
    expect(versionIn('debugfs 1.47.0 (5-Feb-2023)')).toBe('1.47.0');
    expect(versionIn('OpenSSH_9.2p1 Debian-2')).toBe('9.2p1');
    expect(versionIn('none')).toBeNull();
  });
});
