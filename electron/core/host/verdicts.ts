import type { AcceleratorReport, HostReport, ProgramStatus, Verdict } from '../../../shared/model/host.ts';

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** What the flags of /proc/cpuinfo (cpuinfo(5)) say about the processor. */
export function parseCpuInfo(text: string): HostReport['cpu'] & { readonly hypervisor: boolean } {
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const flags = new Set(field('flags').split(/\s+/));
  const vendor = field('vendor_id');
  return {
    vendor: vendor === 'GenuineIntel' ? 'Intel' : vendor === 'AuthenticAMD' ? 'AMD' : vendor || 'unknown',
    model: field('model name') || 'unknown',
    threads: text.match(/^processor\s*:/gm)?.length ?? 1,
    virtualization: flags.has('vmx') ? 'vmx' : flags.has('svm') ? 'svm' : null,
    hypervisor: flags.has('hypervisor'),
  };
}

export function processorVerdict(cpu: ReturnType<typeof parseCpuInfo>): Verdict {
  const base = { id: 'cpu', title: 'Processor', command: null };
  const name = cpu.vendor === 'AMD' ? 'AMD-V' : 'VT-x';
  if (cpu.virtualization)
    return {
      ...base,
      status: 'ok',
      summary: `${cpu.model}, ${cpu.threads} threads, with ${cpu.virtualization === 'vmx' ? 'VT-x' : 'AMD-V'}.`,
      todo: null,
    };
  if (cpu.hypervisor)
    return {
      ...base,
      status: 'warning',
      summary: `This computer is itself a virtual machine, and ${name} is not passed on to it.`,
      todo: 'Turn on nested virtualization where this machine runs, or live with TCG, which is slower.',
    };
  return {
    ...base,
    status: 'warning',
    summary: `${name} is off or not there.`,
    todo:
      cpu.vendor === 'AMD'
        ? 'Turn on SVM Mode in the firmware set-up.'
        : 'Turn on Intel Virtualization Technology in the firmware set-up.',
  };
}

export function kvmVerdict(report: AcceleratorReport, user: string): Verdict {
  const base = { id: 'kvm', title: 'KVM', summary: report.why };
  switch (report.kvm) {
    case 'trying':
      return { ...base, status: 'unknown', todo: null, command: null };
    case 'untried':
      return { ...base, status: 'unknown', todo: 'Install QEMU: KVM is tried then.', command: null };
    case 'works':
      return { ...base, status: 'ok', todo: null, command: null };
    case 'no-permission':
      return {
        ...base,
        status: 'bad',
        todo: 'Add yourself to the kvm group and log in again.',
        command: `sudo usermod -aG kvm ${user}`,
      };
    case 'absent':
      return {
        ...base,
        status: 'warning',
        todo: 'Load the kernel module for your processor, if it can virtualize.',
        command: 'sudo modprobe -a kvm_intel kvm_amd',
      };
    case 'unusable':
      return {
        ...base,
        status: 'warning',
        todo: 'Nothing is needed: guests run, only slower. Outside a virtual machine, look at `dmesg | grep -i kvm`.',
        command: null,
      };
  }
}

/**
 * Where guests live in the user's own systemd (see platform/detached.ts), which ends with the last session.
 * @param lingers it was told to go on
 */
export function logoutVerdict(lingers: boolean): Verdict {
  const base = { id: 'logout', title: 'Logging out' };
  if (lingers)
    return {
      ...base,
      status: 'ok',
      summary: 'Guests run on when you log out.',
      todo: null,
      command: null,
    };
  return {
    ...base,
    status: 'warning',
    summary: 'Guests run on when Guesthouse is closed, but end, as by a power cut, when you log out.',
    todo: 'Let what you start run on without a session.',
    command: 'loginctl enable-linger',
  };
}

/** Debian's oldest supported here; older ones lack options we use. */
const oldestQemu = [7, 2] as const;

export function qemuVerdict(version: string | null): Verdict {
  const base = { id: 'qemu', title: 'QEMU' };
  if (version === null)
    return {
      ...base,
      status: 'bad',
      summary: 'QEMU is not installed.',
      todo: 'Install it.',
      command: 'sudo apt install qemu-system-x86 qemu-utils',
    };
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = major < oldestQemu[0] || (major === oldestQemu[0] && minor < oldestQemu[1]);
  return {
    ...base,
    status: old ? 'bad' : 'ok',
    summary: old ? `QEMU ${version} is too old: 7.2 is needed.` : `Version ${version}.`,
    todo: old ? 'Install a newer QEMU.' : null,
    command: null,
  };
}

export function memoryVerdict({ total, available }: HostReport['memory']): Verdict {
  const low = available < 1.5 * 2 ** 30;
  return {
    id: 'memory',
    title: 'Memory',
    status: available < 2 ** 29 ? 'bad' : low ? 'warning' : 'ok',
    summary: `${gib(available)} of ${gib(total)} are free.`,
    todo: low ? 'Close something: a guest of the usual size needs 1 GiB.' : null,
    command: null,
  };
}

export function diskVerdict({ path, total, free }: HostReport['disk']): Verdict {
  const low = free < 5 * 2 ** 30;
  return {
    id: 'disk',
    title: 'Disk',
    status: free < 2 ** 30 ? 'bad' : low ? 'warning' : 'ok',
    summary: `${gib(free)} of ${gib(total)} are free where the library is (${path}).`,
    todo: low ? 'Free some space: building and running a guest takes about 5 GiB.' : null,
    command: null,
  };
}

export function programsVerdict(
  programs: readonly ProgramStatus[],
  asRoot = process.getuid?.() === 0,
): Verdict {
  const missing = programs.filter((program) => program.path === null);
  const required = missing.filter((program) => program.required);
  const packages = [...new Set(missing.map((program) => program.package))];
  const names = (list: readonly ProgramStatus[]) => list.map((program) => program.name).join(', ');
  return {
    id: 'programs',
    title: 'Programs',
    status: required.length > 0 ? 'bad' : missing.length > 0 ? 'warning' : 'ok',
    summary:
      required.length > 0
        ? `Missing: ${names(required)}.`
        : missing.length > 0
          ? `All that is needed is there. Optional, and not installed: ${names(missing)}.`
          : 'All there.',
    todo:
      required.length > 0
        ? 'Install what is missing.'
        : missing.length > 0
          ? `Guests run without: ${missing.map(({ name, purpose }) => `${name} ${purpose.charAt(0).toLowerCase()}${purpose.slice(1)}`).join('; ')}.`
          : null,
    command: missing.length > 0 ? `${asRoot ? '' : 'sudo '}apt install ${packages.join(' ')}` : null,
  };
}
