import type { CloudImage } from '../../../../shared/model/cloud-image.ts';

/** What is known of a cloud image before it is in the cache. */
export type CloudSource = Omit<CloudImage, 'cached' | 'tried' | 'signatureChecked'>;

const debian = (release: string, codename: string): CloudSource => ({
  id: `debian-${release}`,
  name: `Debian ${release} (${codename})`,
  url: `https://cloud.debian.org/images/cloud/${codename}/latest/debian-${release}-genericcloud-amd64.qcow2`,
  checksums: {
    url: `https://cloud.debian.org/images/cloud/${codename}/latest/SHA512SUMS`,
    algorithm: 'sha512',
  },
  // The list is not signed: TLS alone vouches for it.
  signature: null,
  user: 'debian',
  firmware: 'bios',
});

const ubuntu = (release: string, codename: string): CloudSource => {
  const folder = `https://cloud-images.ubuntu.com/releases/${release}/release`;
  return {
    id: `ubuntu-${release}`,
    name: `Ubuntu ${release} LTS (${codename})`,
    url: `${folder}/ubuntu-${release}-server-cloudimg-amd64.img`,
    checksums: { url: `${folder}/SHA256SUMS`, algorithm: 'sha256' },
    signature: {
      url: `${folder}/SHA256SUMS.gpg`,
      key: 'UEC Image Automatic Signing Key <cdimage@ubuntu.com>, in the package ubuntu-keyring',
      form: 'apart',
      keyrings: ['/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg'],
    },
    user: 'ubuntu',
    firmware: 'bios',
  };
};

/**
 * Images of the vendors, by what their sites say of their layout. No checksum stands here: it is read from the vendor's
 * list at each download. None could be tried where this was written, without a way to those sites.
 */
export const cloudCatalog: readonly CloudSource[] = [
  debian('13', 'trixie'),
  debian('12', 'bookworm'),
  ubuntu('24.04', 'noble'),
  ubuntu('22.04', 'jammy'),
  {
    id: 'fedora-42',
    name: 'Fedora 42 Cloud',
    url: 'https://download.fedoraproject.org/pub/fedora/linux/releases/42/Cloud/x86_64/images/Fedora-Cloud-Base-Generic-42-1.1.x86_64.qcow2',
    checksums: {
      url: 'https://download.fedoraproject.org/pub/fedora/linux/releases/42/Cloud/x86_64/images/Fedora-Cloud-42-1.1-x86_64-CHECKSUM',
      algorithm: 'sha256',
    },
    signature: {
      url: 'https://download.fedoraproject.org/pub/fedora/linux/releases/42/Cloud/x86_64/images/Fedora-Cloud-42-1.1-x86_64-CHECKSUM',
      key: 'the release’s key at https://fedoraproject.org/fedora.gpg; the list is signed in itself',
      form: 'within',
      keyrings: [
        '/etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-42-primary',
        '/usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-42-primary',
      ],
    },
    user: 'fedora',
    firmware: 'uefi',
  },
  {
    id: 'alpine-3.22',
    name: 'Alpine Linux 3.22',
    url: 'https://dl-cdn.alpinelinux.org/alpine/v3.22/releases/cloud/nocloud_alpine-3.22.0-x86_64-bios-cloudinit-r0.qcow2',
    checksums: {
      url: 'https://dl-cdn.alpinelinux.org/alpine/v3.22/releases/cloud/nocloud_alpine-3.22.0-x86_64-bios-cloudinit-r0.qcow2.sha512',
      algorithm: 'sha512',
    },
    signature: {
      url: 'https://dl-cdn.alpinelinux.org/alpine/v3.22/releases/cloud/nocloud_alpine-3.22.0-x86_64-bios-cloudinit-r0.qcow2.asc',
      key: 'the keys at https://alpinelinux.org/keys/',
      form: 'other',
      keyrings: [],
    },
    user: 'alpine',
    firmware: 'bios',
  },
  {
    id: 'rocky-9',
    name: 'Rocky Linux 9',
    url: 'https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2',
    checksums: {
      url: 'https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2.CHECKSUM',
      algorithm: 'sha256',
    },
    signature: {
      url: 'https://dl.rockylinux.org/pub/rocky/9/images/x86_64/CHECKSUM.sig',
      key: 'RPM-GPG-KEY-Rocky-9 at https://dl.rockylinux.org/pub/rocky/',
      form: 'other',
      keyrings: [],
    },
    user: 'rocky',
    firmware: 'bios',
  },
];
