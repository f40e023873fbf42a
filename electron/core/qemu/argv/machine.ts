import { GuesthouseError } from '../../../../shared/errors.ts';
import {
  cpuFeatureProps,
  type Domain,
  domainProps,
  nvramOf,
  timerProps,
  wantsUefi,
} from '../../domain/index.ts';
import type { Buses } from './address.ts';
import { type Arguments, comma, plainWord, type QemuRun } from './run.ts';

/** Machine, accelerator, processor, memory, clock. */
export function addMachine(args: Arguments, domain: Domain, run: QemuRun, buses: Buses): void {
  const options = [plainWord(buses.machine, 'machine type')];
  const memory = addMemory(args, domain);
  if (memory) options.push(`memory-backend=${memory}`);
  if (!buses.micro && !buses.virt) {
    options.push('usb=off');
    const vmport = domain.get(domainProps.vmport);
    if (vmport !== null) options.push(`vmport=${onOff(vmport)}`);
    const smm = domain.get(domainProps.smm) ?? (domain.get(domainProps.loaderSecure) === true ? true : null);
    if (smm !== null) options.push(`smm=${onOff(smm)}`);
    const hpet = timerIndex(domain, 'hpet');
    if (hpet !== null) options.push(`hpet=${onOff(domain.get(timerProps.present, hpet) !== false)}`);
    // An ACPI element that is missing means no ACPI; import of hand-written XML without <features> does too.
    if (domain.get(domainProps.acpi) !== true) options.push('acpi=off');
  }
  addSleep(args, domain, buses);
  options.push(`dump-guest-core=${onOff(domain.get(domainProps.memoryDumpCore) === true)}`);
  args.add('-machine', options.join(','));
  args.add('-accel', run.accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi');
  if (run.accelerator === 'tcg' && domain.get(domainProps.type) === 'kvm')
    args.note('KVM cannot be used here: the guest runs on QEMU’s emulator, which is slower.');
  addCpu(args, domain, run);
  args.add('-smp', processors(domain));
  const uuid = domain.uuid;
  if (uuid) args.add('-uuid', uuid);
  const base = domain.get(domainProps.clockOffset) === 'localtime' ? 'base=localtime' : 'base=utc';
  args.add('-rtc', tickpolicy(domain, 'rtc') === 'catchup' ? `${base},driftfix=slew` : base);
  const pit = tickpolicy(domain, 'pit');
  if (run.accelerator === 'kvm' && !buses.micro && (pit === 'delay' || pit === 'discard'))
    args.add('-global', `kvm-pit.lost_tick_policy=${pit}`);
}

function timerIndex(domain: Domain, name: string): number | null {
  const index = domain.items('timer').findIndex((_, i) => domain.get(timerProps.name, i) === name);
  return index === -1 ? null : index;
}

function tickpolicy(domain: Domain, timer: string): string | null {
  const index = timerIndex(domain, timer);
  return index === null ? null : domain.get(timerProps.tickpolicy, index);
}

/** `<pm>`: the chip set's own sleep states. */
function addSleep(args: Arguments, domain: Domain, buses: Buses): void {
  if (buses.micro || buses.virt) return;
  const chip = buses.q35 ? 'ICH9-LPC' : 'PIIX4_PM';
  if (domain.get(domainProps.suspendToMem) === false) args.add('-global', `${chip}.disable_s3=1`);
  if (domain.get(domainProps.suspendToDisk) === false) args.add('-global', `${chip}.disable_s4=1`);
}

const onOff = (value: boolean) => (value ? 'on' : 'off');

function addMemory(args: Arguments, domain: Domain): string | null {
  const bytes = domain.get(domainProps.memory);
  if (bytes === null || bytes < 1024 * 1024)
    throw new GuesthouseError('xml-invalid', 'The guest has no memory.', {
      why: 'The XML has no <memory> of at least 1 MiB.',
      todo: 'Set the guest’s memory.',
    });
  args.add('-m', `size=${Math.ceil(bytes / 1024)}k`);
  const shared = domain.get(domainProps.memoryAccess) === 'shared';
  if (!shared && domain.get(domainProps.memorySource) !== 'memfd') return null;
  args.json('-object', {
    'qom-type': 'memory-backend-memfd',
    id: 'ram0',
    size: Math.ceil(bytes / 1024) * 1024,
    share: shared,
  });
  return 'ram0';
}

function addCpu(args: Arguments, domain: Domain, run: QemuRun): void {
  const mode = domain.get(domainProps.cpuMode);
  const model = domain.get(domainProps.cpuModel);
  const features = domain.items('cpuFeature').flatMap((_, i) => {
    const name = domain.get(cpuFeatureProps.name, i);
    const policy = domain.get(cpuFeatureProps.policy, i) ?? 'require';
    if (name === null) return [];
    const on = policy === 'require' || policy === 'force' || policy === 'optional';
    return [`,${plainWord(name, 'processor feature')}=${onOff(on)}`];
  });
  // QEMU refuses `host` without KVM; `max` is all that the emulator can do.
  const host = run.accelerator === 'kvm' ? 'host' : 'max';
  const base = mode === 'custom' || (mode === null && model !== null) ? model : mode === null ? null : host;
  const vendor = domain.get(domainProps.cpuVendorId);
  if (vendor !== null) features.push(`,vendor=${vendorId(vendor)}`);
  const migratable = domain.get(domainProps.cpuMigratable);
  if (base === host && migratable !== null) features.push(`,migratable=${onOff(migratable)}`);
  if (run.accelerator === 'kvm') {
    const clock = timerIndex(domain, 'kvmclock');
    if (clock !== null && domain.get(timerProps.present, clock) === false) features.push(',kvmclock=off');
    if (domain.get(domainProps.kvmHidden) === true) features.push(',kvm=off');
  }
  if (base === null && features.length === 0) return;
  args.add('-cpu', `${plainWord(base ?? host, 'processor model')}${features.join('')}`);
}

/** Twelve letters as CPUID has them; a comma would end the option (libvirt refuses it too). */
function vendorId(vendor: string): string {
  if (!/^[ -+\--~]{12}$/.test(vendor))
    throw new GuesthouseError(
      'xml-invalid',
      'The processor’s vendor must have twelve letters and no comma.',
      {
        why: `<model vendor_id> is ${JSON.stringify(vendor)}.`,
        todo: 'Change it, or take it out.',
      },
    );
  return vendor;
}

/** `-smp` from `<vcpu>` and `<topology>`. */
function processors(domain: Domain): string {
  const most = domain.get(domainProps.vcpu) ?? 1;
  const now = domain.get(domainProps.vcpuCurrent) ?? most;
  const sockets = domain.get(domainProps.cpuSockets);
  if (most < 1 || now < 1 || now > most)
    throw new GuesthouseError('xml-invalid', 'The guest’s number of processors makes no sense.', {
      why: `<vcpu> says ${now} of ${most}.`,
      todo: 'Set the number of processors.',
    });
  if (sockets === null) return `${now},maxcpus=${most}`;
  const dies = domain.get(domainProps.cpuDies) ?? 1;
  const cores = domain.get(domainProps.cpuCores) ?? 1;
  const threads = domain.get(domainProps.cpuThreads) ?? 1;
  if (sockets * dies * cores * threads !== most)
    throw new GuesthouseError('xml-invalid', 'The processors and their topology do not match.', {
      why: `${sockets} sockets × ${dies} dies × ${cores} cores × ${threads} threads are not ${most}.`,
      todo: 'Change the topology or the number of processors.',
    });
  return `${now},maxcpus=${most},sockets=${sockets},dies=${dies},cores=${cores},threads=${threads}`;
}

/** Firmware images and direct kernel boot. */
export function addBoot(args: Arguments, domain: Domain, run: QemuRun, buses: Buses): void {
  const loader = domain.get(domainProps.loader);
  const firmware = run.firmware ?? namedFirmware(domain);
  if (firmware && !buses.micro) {
    addPflash(args, 'pflash0', firmware.code, firmware.codeFormat, true);
    addPflash(args, 'pflash1', firmware.nvram, firmware.nvramFormat, false);
    if (domain.get(domainProps.loaderSecure) === true)
      args.add('-global', 'driver=cfi.pflash01,property=secure,value=on');
  } else if (wantsUefi(domain))
    throw new GuesthouseError('unsupported', 'The guest wants UEFI, and no firmware was found for it.', {
      todo: 'Install OVMF (Debian: the package ovmf).',
    });
  else if (loader) args.add('-bios', loader);
  const kernel = run.kernel ?? domainKernel(domain);
  if (kernel) {
    args.add('-kernel', kernel.kernel);
    if (kernel.initrd) args.add('-initrd', kernel.initrd);
    const cmdline = withTsc(args, kernel.cmdline ?? domain.get(domainProps.cmdline), run, buses);
    if (cmdline) args.add('-append', cmdline);
  }
  if (domain.get(domainProps.bootmenu) === true)
    args.add('-boot', `menu=on,splash-time=${domain.get(domainProps.bootmenuTimeout) ?? 3000},strict=on`);
  else if (!buses.micro) args.add('-boot', 'strict=on');
  addSmbios(args, domain);
}

/**
 * On a busy computer a kernel under TCG fails to measure the TSC against the emulated PIT, and a microvm has no timer
 * tick to fall back to: it hangs at "Marking TSC unstable" (`tsc_early_khz` in the kernel's kernel-parameters.txt).
 */
function withTsc(args: Arguments, cmdline: string | null | undefined, run: QemuRun, buses: Buses) {
  if (!buses.micro || run.accelerator !== 'tcg' || !run.tscKhz || /\btsc_early_khz=/.test(cmdline ?? ''))
    return cmdline;
  args.notes.push('The kernel is told the frequency of this computer’s clock (tsc_early_khz).');
  return `${cmdline ? `${cmdline} ` : ''}tsc_early_khz=${run.tscKhz}`;
}

/** The firmware the XML names whole, when the caller found none. */
function namedFirmware(domain: Domain): QemuRun['firmware'] {
  const code = domain.get(domainProps.loader);
  const nvram = nvramOf(domain);
  if (!wantsUefi(domain) || code === null || nvram === null) return undefined;
  const codeFormat = domain.get(domainProps.loaderFormat) ?? 'raw';
  return { code, codeFormat, nvram: nvram.file, nvramFormat: nvram.format };
}

function domainKernel(domain: Domain): QemuRun['kernel'] {
  const kernel = domain.get(domainProps.kernel);
  if (!kernel) return undefined;
  return {
    kernel,
    initrd: domain.get(domainProps.initrd) ?? undefined,
    cmdline: domain.get(domainProps.cmdline) ?? undefined,
  };
}

function addPflash(
  args: Arguments,
  name: string,
  filename: string,
  driver: 'raw' | 'qcow2',
  readOnly: boolean,
): void {
  args.json('-blockdev', {
    driver: 'file',
    'node-name': `${name}-file`,
    filename,
    'read-only': readOnly,
    discard: readOnly ? undefined : 'unmap',
  });
  args.json('-blockdev', {
    driver,
    'node-name': name,
    file: `${name}-file`,
    'read-only': readOnly,
    // Flash stands alone, whatever its header says.
    backing: driver === 'qcow2' ? null : undefined,
  });
  // Machine options join those of an earlier -machine.
  args.add('-machine', `${name}=${name}`);
}

function addSmbios(args: Arguments, domain: Domain): void {
  if (domain.get(domainProps.smbiosMode) !== 'sysinfo') return;
  const fields = {
    manufacturer: domain.get(domainProps.sysinfoManufacturer),
    product: domain.get(domainProps.sysinfoProduct),
    version: domain.get(domainProps.sysinfoVersion),
    serial: domain.get(domainProps.sysinfoSerial),
    uuid: domain.get(domainProps.sysinfoUuid),
    sku: domain.get(domainProps.sysinfoSku),
    family: domain.get(domainProps.sysinfoFamily),
  };
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null);
  if (given.length > 0) args.add('-smbios', `type=1,${given.map(([k, v]) => `${k}=${comma(v)}`).join(',')}`);
}
