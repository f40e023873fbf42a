import { describe, expect, it } from 'vitest';
import { Domain, domainProblems } from './index.ts';
import { nearestCpu, nearestMachine } from './offered.ts';

const machines = [
  'microvm', 'pc', 'pc-i440fx-7.2', 'pc-i440fx-2.12', 'pc-i440fx-2.9', 'pc-i440fx-1.4', 'q35', 'pc-q35-7.2',
  'pc-q35-7.1', 'pc-q35-4.0.1', 'pc-q35-4.0', 'none',
]; // biome-ignore format: a list
const cpus = ['qemu64', 'Skylake-Client', 'Skylake-Client-v1', 'Skylake-Client-IBRS', 'host', 'max'];

describe('nearestMachine', () => {
  it.each([
    ['pc-q35-9.2', 'pc-q35-7.2'],
    ['pc-q35-5.0', 'pc-q35-4.0.1'],
    ['pc-q35-2.4', 'pc-q35-4.0'],
    ['pc-q35-jammy', 'pc-q35-7.2'],
    ['pc-q35-rhel9.4.0', 'pc-q35-7.2'],
    ['pc-i440fx-2.11', 'pc-i440fx-2.9'],
    ['pc-i440fx-3.0', 'pc-i440fx-2.12'],
    ['pc-i440fx-bionic', 'pc-i440fx-7.2'],
    ['pc-1.0', 'pc-i440fx-1.4'],
    ['microvm-5.0', 'microvm'],
    ['xenpv', null],
    ['virt', null],
  ])('of %s is %s', (wanted, nearest) => expect(nearestMachine(wanted, machines)).toBe(nearest));

  it('is the alias where a distribution names all machines itself, and null where the chip set is gone', () => {
    expect(nearestMachine('pc-q35-7.2', ['q35', 'pc-q35-rhel9.4.0'])).toBe('q35');
    expect(nearestMachine('pc-i440fx-7.2', ['q35', 'pc-q35-rhel9.4.0'])).toBe(null);
  });
});

it('nearestCpu is the model that a variant is one of', () => {
  expect(nearestCpu('Skylake-Client-v9', cpus)).toBe('Skylake-Client');
  expect(nearestCpu('Skylake-Client-IBRS-v7', cpus)).toBe('Skylake-Client-IBRS');
  expect(nearestCpu('SapphireRapids', cpus)).toBe(null);
  expect(nearestCpu('Skylake', cpus)).toBe(null);
});

describe('problems with what this QEMU offers', () => {
  const problems = (machine: string, cpu = '', arch = 'x86_64') =>
    domainProblems(
      Domain.parse(
        `<domain type='kvm'>\n<os><type arch='${arch}' machine='${machine}'>hvm</type></os>\n${cpu}\n</domain>`,
      ),
      () => true,
      { machines, cpus },
    );

  it('name a machine type that is missing, its line and the nearest one', () => {
    expect(problems('pc-q35-jammy')).toEqual([
      {
        path: 'os/type@machine',
        line: 2,
        reason:
          'the guest does not start: this computer’s QEMU has no machine type pc-q35-jammy, the nearest is pc-q35-7.2',
        kind: 'unsupported',
        reaches: null,
      },
    ]);
    expect(problems('pc-q35-7.2')).toEqual([]);
    expect(problems('q35')).toEqual([]);
  });

  it('name a processor model that is missing, where the model counts', () => {
    const model = '<model>Skylake-Client-v9</model>';
    const found = [expect.objectContaining({ path: 'cpu/model', line: 3 })];
    expect(problems('q35', `<cpu mode='custom'>${model}</cpu>`)).toEqual(found);
    expect(problems('q35', `<cpu>${model}</cpu>`)).toEqual(found);
    expect(problems('q35', `<cpu mode='host-model'>${model}</cpu>`)).toEqual([]);
    expect(problems('q35', '<cpu><model>Skylake-Client</model></cpu>')).toEqual([]);
  });

  it('say nothing of the machines of another architecture', () => {
    expect(problems('virt', '', 'aarch64').map(({ path }) => path)).toEqual(['os/type@arch']);
  });
});
