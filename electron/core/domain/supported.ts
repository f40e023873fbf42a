/** What a run can do, shared by the list of problems and QEMU's arguments, so that the two agree. */

export const runnable = {
  domainTypes: ['kvm', 'qemu'],
  arches: ['x86_64', 'i686'],
  /** Image formats: those of local files. Network and passthrough drivers are none. */
  formats: [
    'raw', 'qcow2', 'qcow', 'qed', 'vmdk', 'vdi', 'vhdx', 'vpc', 'parallels', 'bochs', 'cloop', 'dmg', 'luks',
  ], // biome-ignore format: a list
  diskTypes: ['file', 'block'],
  diskBuses: ['virtio', 'sata', 'ide', 'scsi', 'usb', 'fdc'],
  nicTypes: ['user', 'network', 'bridge'],
  nicModels: [
    'virtio', 'virtio-transitional', 'virtio-non-transitional', 'e1000', 'e1000e', 'rtl8139', 'pcnet', 'ne2k_pci',
    'vmxnet3', 'i82559er', 'usb-net',
  ], // biome-ignore format: a list
  videoModels: ['vga', 'virtio', 'virtio-vga', 'cirrus', 'qxl', 'bochs', 'ramfb', 'vmvga', 'none'],
  soundModels: ['ich9', 'ich6', 'ac97', 'es1370', 'usb'],
  watchdogs: ['i6300esb', 'ib700'],
  pciControllers: [
    'pci-root', 'pcie-root', 'pcie-root-port', 'pci-bridge', 'pcie-to-pci-bridge', 'dmi-to-pci-bridge',
    'pcie-switch-upstream-port', 'pcie-switch-downstream-port',
  ], // biome-ignore format: a list
  usbControllers: [
    'qemu-xhci', 'nec-xhci', 'piix3-uhci', 'piix4-uhci', 'ehci', 'ich9-ehci1', 'ich9-uhci1', 'ich9-uhci2',
    'ich9-uhci3', 'vt82c686b-uhci', 'pci-ohci', 'none',
  ], // biome-ignore format: a list
  controllerTypes: ['pci', 'usb', 'virtio-serial', 'scsi', 'sata', 'fdc', 'ide', 'isa'],
} as const;

export function canRun(list: readonly string[], value: string | null): boolean {
  return value !== null && list.includes(value);
}
