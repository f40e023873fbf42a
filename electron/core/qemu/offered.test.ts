import { expect, it } from 'vitest';
import { cpusIn, machinesIn, offeredBy } from './offered.ts';

it('reads machine types, aliases and deprecated ones too', () => {
  const help = `Supported machines are:
microvm              microvm (i386)
pc                   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)
pc-i440fx-7.2        Standard PC (i440FX + PIIX, 1996) (default)
pc-i440fx-1.4        Standard PC (i440FX + PIIX, 1996) (deprecated)
`;
  expect(machinesIn(help)).toEqual(['microvm', 'pc', 'pc-i440fx-7.2', 'pc-i440fx-1.4']);
  expect(machinesIn('something else\nq35\n')).toEqual([]);
});

it('reads processor models as old and new QEMUs print them, and no flags', () => {
  const flags = '\nRecognized CPUID flags:\n  3dnow 3dnowext\n  vmx-zero-len-inject wdt\n';
  const old = `Available CPUs:\nx86 486                   (alias configured by machine type)\nx86 Broadwell-v1          Intel Core\nx86 max\n${flags}`;
  expect(cpusIn(old)).toEqual(['486', 'Broadwell-v1', 'max']);
  const now = `Available CPUs:\n  486                   (alias configured by machine type)\n  host                  processor with all\n${flags}`;
  expect(cpusIn(now)).toEqual(['486', 'host']);
});

it('asks the QEMU that is installed', async () => {
  const offered = await offeredBy();
  expect(offered?.machines).toEqual(expect.arrayContaining(['pc', 'q35', 'microvm']));
  expect(offered?.cpus).toEqual(expect.arrayContaining(['qemu64', 'max', 'Skylake-Client-IBRS']));
  expect(await offeredBy()).toBe(offered);
  expect(await offeredBy('/nowhere/qemu')).toBe(null);
});
