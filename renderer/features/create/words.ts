import type { SourceImage } from '../../../shared/ipc/guests.ts';
import { shortages } from '../../../shared/model/fits.ts';
import type { HostReport } from '../../../shared/model/host.ts';
import { bytes, counted, mebibytes } from '../../ui/format.ts';
import type { CreateForm, SourceId } from './form.ts';

const gib = 2 ** 30;

/** What a format is called. */
const formats: Readonly<Record<string, string>> = {
  raw: 'a raw disk image',
  qcow2: 'a qcow2 image',
  vmdk: 'a VMware disk (VMDK)',
  vdi: 'a VirtualBox disk (VDI)',
  vhdx: 'a Hyper-V disk (VHDX)',
  vpc: 'a Virtual PC disk (VHD)',
  iso: 'an ISO image',
  ova: 'an OVA',
};
export const formatName = (format: string) => formats[format] ?? `of format ${format}`;

export const firmwareNames = {
  bios: 'BIOS',
  uefi: 'UEFI',
  'secure-boot': 'UEFI with Secure Boot',
} as const;

const hardware = {
  hybrid: 'A PC with fast virtio disk and network.',
  full: 'Disk, network and video as real PCs have them.',
  paravirtual: 'No PCI, no video, no firmware.',
} as const;

/** What will happen, a sentence each: the last page before anything is made. */
export function plainWords(source: SourceId, image: SourceImage | null, form: CreateForm): readonly string[] {
  const lines = [
    `${counted(form.vcpus, 'CPU')}, ${mebibytes(form.memory)} of memory, ${firmwareNames[form.firmware]}${form.tpm ? ', a TPM 2.0 of its own' : ''}.`,
    hardware[form.kind],
    ...disk(source, image, form),
    'It reaches the network through this computer. Nothing reaches it from outside but by ports you forward.',
  ];
  return lines;
}

function disk(source: SourceId, image: SourceImage | null, form: CreateForm): string[] {
  const size = image?.virtualSize ? ` of ${bytes(image.virtualSize)}` : '';
  const grown = form.diskSize === null ? '' : ` Its disk is grown to ${form.diskSize} GiB.`;
  if (source === 'iso')
    return [
      `A new, empty disk of ${form.diskSize ?? 20} GiB, which takes space only as it fills.`,
      'It starts from the ISO, which stays where it is, until a system is on the disk.',
    ];
  if (source === 'cloud')
    return [
      `The image is downloaded where it is not in the cache yet, compared with the vendor’s checksum, and copied.${grown}`,
      'It gets a machine-id, SSH host keys and a name of its own before its first start: on its disk, or by a cloud-init seed.',
    ];
  if (source === 'ova') {
    const count = image?.ova?.disks.length ?? 0;
    return [
      `${count === 1 ? 'The disk' : `The ${count} disks`}${size} ${count === 1 ? 'is' : 'are'} taken out of the archive and converted to qcow2. The archive is not changed.${grown}`,
      image?.ova?.manifest
        ? `Every file is checked against the archive’s manifest (${image.ova.manifest}).`
        : 'The archive has no manifest: whether it is whole cannot be checked.',
    ];
  }
  switch (form.mode) {
    case 'copy':
      return [
        `The image${size} is copied${image?.format === 'qcow2' ? '' : ' and converted to qcow2'}. The file itself is not changed.${grown}`,
      ];
    case 'link':
      return [
        `What the guest writes goes into a file of its own. The image${size} is only read, and must stay where it is and as it is.${grown}`,
      ];
    case 'in-place':
      return [
        'The guest writes to the image itself. Deleting the guest keeps the file. Let nothing else use it meanwhile.',
      ];
  }
}

/** What this computer may not have enough of, a sentence each. */
export function warnings(
  source: SourceId,
  image: SourceImage | null,
  form: CreateForm,
  report: HostReport | null,
): readonly string[] {
  if (!report) return [];
  const now = source === 'iso' ? 0 : form.mode === 'copy' || source === 'ova' ? (image?.virtualSize ?? 0) : 0;
  const later = Math.max((form.diskSize ?? 0) * gib, image?.virtualSize ?? 0);
  const { vcpus, memory } = form;
  const found = shortages({ vcpus, memory, diskNow: now, diskLater: later }, report, bytes);
  if (/windows/i.test(image?.system?.name ?? '') && form.kind === 'hybrid')
    found.push('Windows has no virtio drivers of its own: choose Full, or have the driver disk ready.');
  return found;
}
