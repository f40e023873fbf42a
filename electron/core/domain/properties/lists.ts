import { parsePath, type Step } from './types.ts';

/** Elements that may stand several times, by the name their properties are declared under. */
const paths = {
  boot: 'os/boot',
  cpuFeature: 'cpu/feature',
  timer: 'clock/timer',
  iothreadId: 'iothreadids/iothread',
  disk: 'devices/disk',
  controller: 'devices/controller',
  interface: 'devices/interface',
  serial: 'devices/serial',
  console: 'devices/console',
  channel: 'devices/channel',
  input: 'devices/input',
  graphics: 'devices/graphics',
  video: 'devices/video',
  sound: 'devices/sound',
  rng: 'devices/rng',
  memballoon: 'devices/memballoon',
  tpm: 'devices/tpm',
  watchdog: 'devices/watchdog',
  hostdev: 'devices/hostdev',
  filesystem: 'devices/filesystem',
  panic: 'devices/panic',
  vsock: 'devices/vsock',
  forward: 'metadata/gh:guest/gh:forward',
  tag: 'metadata/gh:guest/gh:tag',
} as const;
export type ListName = keyof typeof paths;

export const listNames = Object.keys(paths) as ListName[];
export const listSteps = Object.fromEntries(
  listNames.map((name) => [name, parsePath(paths[name]).steps]),
) as unknown as Readonly<Record<ListName, readonly Step[]>>;

/** The order libvirt writes children in; a new element goes behind the last one that stands before it here. */
export const childOrder: Readonly<Record<string, readonly string[]>> = {
  domain: words(
    'name uuid hwuuid genid title description metadata maxMemory memory currentMemory blkiotune memtune',
    'memoryBacking vcpu vcpus iothreads iothreadids defaultiothread cputune numatune resource sysinfo bootloader',
    'bootloader_args os idmap features cpu clock on_poweroff on_reboot on_crash on_lockfailure pm perf throttlegroups',
    'devices seclabel keywrap launchSecurity commandline',
  ),
  os: words('type firmware loader nvram kernel initrd cmdline dtb acpi boot bootmenu bios smbios smp'),
  features: words(
    'acpi apic pae hap viridian privnet hyperv kvm xen pvspinlock pmu vmport gic smm ioapic hpt htm nested-hv',
    'capabilities vmcoreinfo msrs ccf-assist cfpc sbbc ibs tcg async-teardown',
  ),
  cpu: words('model vendor topology cache maxphysaddr feature numa'),
  devices: words(
    'emulator disk controller lease filesystem interface smartcard serial parallel console channel tpm input',
    'graphics audio sound video hostdev redirdev redirfilter hub watchdog memballoon rng nvram panic shmem vsock',
    'memory iommu crypto',
  ),
  disk: words(
    'driver auth source mirror backingStore backenddomain geometry blockio target iotune readonly shareable',
    'transient serial wwn vendor product encryption boot alias address',
  ),
  interface: words(
    'mac source virtualport target guest model driver backend filterref bandwidth vlan link mtu coalesce tune script',
    'boot rom portForward alias address',
  ),
  controller: words('driver master model target alias address'),
  serial: words('source protocol target log alias address'),
  console: words('source protocol target log alias address'),
  channel: words('source protocol target log alias address'),
  guest: words('origin ssh network forward boot-from-disk nvram limits tag notes'),
};

/** The order libvirt writes attributes in, where it is not that of the property table alone. */
export const attributeOrder: Readonly<Record<string, readonly string[]>> = {
  type: words('arch machine'),
  loader: words('readonly secure type format'),
  nvram: words('template templateFormat format'),
  vcpu: words('placement cpuset current'),
  memory: words('unit dumpCore'),
  cpu: words('mode match check migratable'),
  topology: words('sockets dies cores threads'),
  disk: words('type device model rawio sgio snapshot'),
  driver: words(
    'name type cache error_policy rerror_policy io copy_on_read discard detect_zeroes queues iothread',
  ),
  source: words('file dev bridge network startupPolicy index'),
  target: words('chassis port hotplug dev bus tray removable rotation_rate type name'),
  controller: words('type index model ports vectors'),
  graphics: words('type port tlsPort autoport socket listen keymap passwd'),
  listen: words('type address network socket'),
  model: words('name type ram vram vram64 vgamem heads primary fallback'),
  input: words('type bus model'),
  address: words('type domain controller bus target slot unit function port device multifunction'),
  hostdev: words('mode type managed'),
  filesystem: words('type accessmode'),
  memballoon: words('model autodeflate freePageReporting'),
  watchdog: words('model action'),
  timer: words('name tickpolicy present'),
  feature: words('policy name'),
  console: words('type tty'),
  guest: words('kind starter template autostart'),
  origin: words('uuid name linked'),
  ssh: words('user host-port'),
  forward: words('proto host-address host-port guest-port'),
};

function words(...lines: string[]): string[] {
  return lines.join(' ').split(' ');
}
