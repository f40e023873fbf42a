// What the machine must have, how one sees whether it does, and which package brings it. Probed by what is there, not
// by a package list: people install QEMU in many ways.

/**
 * A requirement holds when its program is on PATH, one of its files exists, its library is known to ld.so, or its
 * folder holds a file of that kind.
 * @typedef {object} Requirement
 * @property {string} what for the person
 * @property {string} [program]
 * @property {readonly string[]} [files] any of them
 * @property {string} [library] soname
 * @property {'run' | 'test'} use `run`: to use Guesthouse; `test`: also for the tests
 * @property {string} apt package in Debian and Ubuntu: tried on Debian 12
 * @property {Partial<Record<'dnf' | 'pacman' | 'zypper' | 'apk', string>>} other names elsewhere: untried; what is
 *   missing here has no known package there
 */

const managers = /** @type {const} */ (['dnf', 'pacman', 'zypper', 'apk']);

function run(probe, apt, other) {
  return {
    ...probe,
    use: 'run',
    apt,
    other: Object.fromEntries(managers.map((name, i) => [name, other[i]])),
  };
}
function test(probe, apt, other) {
  return { ...run(probe, apt, other), use: 'test' };
}

// biome-ignore format: a table
/** @type {readonly Requirement[]} */
export const requirements = [
  run({ what: 'QEMU', program: 'qemu-system-x86_64' }, 'qemu-system-x86', ['qemu-system-x86', 'qemu-system-x86', 'qemu-x86', 'qemu-system-x86_64']),
  run({ what: 'qemu-img', program: 'qemu-img' }, 'qemu-utils', ['qemu-img', 'qemu-img', 'qemu-img', 'qemu-img']),
  run({ what: 'qemu-storage-daemon', program: 'qemu-storage-daemon' }, 'qemu-system-common', ['qemu-img', 'qemu-storage-daemon', 'qemu-tools', 'qemu-storage-daemon']),
  run({ what: 'UEFI firmware (OVMF)', files: ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/edk2/x64/OVMF_CODE.4m.fd', '/usr/share/edk2/ovmf/OVMF_CODE.fd', '/usr/share/qemu/ovmf-x86_64-code.bin'] }, 'ovmf', ['edk2-ovmf', 'edk2-ovmf', 'qemu-ovmf-x86_64', 'ovmf']),
  run({ what: 'BIOS (SeaBIOS)', files: ['/usr/share/seabios/bios-256k.bin', '/usr/share/qemu/bios-256k.bin'] }, 'seabios', ['seabios-bin', 'seabios', 'qemu-seabios', 'seabios']),
  run({ what: 'network boot ROMs (iPXE)', files: ['/usr/lib/ipxe/qemu/efi-virtio.rom', '/usr/share/qemu/efi-virtio.rom', '/usr/share/ipxe/qemu/efi-virtio.rom'] }, 'ipxe-qemu', ['ipxe-roms-qemu', 'qemu-common', 'qemu-ipxe', 'qemu']),
  run({ what: 'swtpm (a TPM for guests)', program: 'swtpm' }, 'swtpm', ['swtpm', 'swtpm', 'swtpm', 'swtpm']),
  run({ what: 'FUSE', program: 'fusermount3' }, 'fuse3', ['fuse3', 'fuse3', 'fuse3', 'fuse3']),
  run({ what: 'e2fsprogs', program: 'debugfs' }, 'e2fsprogs', ['e2fsprogs', 'e2fsprogs', 'e2fsprogs', 'e2fsprogs-extra']),
  run({ what: 'mkfs.ext4', program: 'mkfs.ext4' }, 'e2fsprogs', ['e2fsprogs', 'e2fsprogs', 'e2fsprogs', 'e2fsprogs']),
  run({ what: 'sfdisk', program: 'sfdisk' }, 'fdisk', ['util-linux', 'util-linux', 'util-linux', 'sfdisk']),
  run({ what: 'gpgv (checks the signatures of cloud images)', program: 'gpgv' }, 'gpgv', ['gnupg2', 'gnupg', 'gpg2', 'gpgv']),
  run({ what: 'the OpenSSH client', program: 'ssh' }, 'openssh-client', ['openssh-clients', 'openssh', 'openssh-clients', 'openssh-client']),
  run({ what: 'ssh-keygen', program: 'ssh-keygen' }, 'openssh-client', ['openssh', 'openssh', 'openssh-common', 'openssh-keygen']),
  run({ what: 'mmdebstrap (builds the starter guest)', program: 'mmdebstrap' }, 'mmdebstrap', ['mmdebstrap', undefined, undefined, undefined]),
  run({ what: "Debian's archive keys", files: ['/usr/share/keyrings/debian-archive-keyring.gpg'] }, 'debian-archive-keyring', ['debian-keyring', 'debian-archive-keyring', undefined, 'debian-archive-keyring']),
  run({ what: 'newuidmap', program: 'newuidmap' }, 'uidmap', ['shadow-utils', 'shadow', 'shadow', 'shadow-uidmap']),
  run({ what: 'unshare', program: 'unshare' }, 'util-linux', ['util-linux', 'util-linux', 'util-linux', 'util-linux-misc']),
  run({ what: 'fakeroot', program: 'fakeroot' }, 'fakeroot', ['fakeroot', 'fakeroot', 'fakeroot', 'fakeroot']),
  run({ what: 'mtools', program: 'mcopy' }, 'mtools', ['mtools', 'mtools', 'mtools', 'mtools']),
  run({ what: 'mkfs.vfat', program: 'mkfs.vfat' }, 'dosfstools', ['dosfstools', 'dosfstools', 'dosfstools', 'dosfstools']),
  run({ what: 'dbus-uuidgen', program: 'dbus-uuidgen' }, 'dbus-bin', ['dbus-tools', 'dbus', 'dbus-1-tools', 'dbus']),
  run({ what: 'Xvfb (a display where there is none)', program: 'Xvfb', only: 'headless' }, 'xvfb', ['xorg-x11-server-Xvfb', 'xorg-server-xvfb', 'xorg-x11-server-Xvfb', 'xvfb']),
  run({ what: 'NSS', library: 'libnss3.so' }, 'libnss3', ['nss', 'nss', 'mozilla-nss', 'nss']),
  run({ what: 'ATK', library: 'libatk-1.0.so.0' }, 'libatk1.0-0', ['atk', 'at-spi2-core', 'libatk-1_0-0', 'at-spi2-core']),
  run({ what: "ATK's bridge", library: 'libatk-bridge-2.0.so.0' }, 'libatk-bridge2.0-0', ['at-spi2-atk', 'at-spi2-core', 'libatk-bridge-2_0-0', 'at-spi2-core']),
  run({ what: 'CUPS', library: 'libcups.so.2' }, 'libcups2', ['cups-libs', 'libcups', 'libcups2', 'cups-libs']),
  run({ what: 'DRM', library: 'libdrm.so.2' }, 'libdrm2', ['libdrm', 'libdrm', 'libdrm2', 'libdrm']),
  run({ what: 'GBM', library: 'libgbm.so.1' }, 'libgbm1', ['mesa-libgbm', 'mesa', 'libgbm1', 'mesa-gbm']),
  run({ what: 'GTK 3', library: 'libgtk-3.so.0' }, 'libgtk-3-0', ['gtk3', 'gtk3', 'libgtk-3-0', 'gtk+3.0']),
  run({ what: 'ALSA', library: 'libasound.so.2' }, 'libasound2', ['alsa-lib', 'alsa-lib', 'libasound2', 'alsa-lib']),
  run({ what: 'xkbcommon', library: 'libxkbcommon.so.0' }, 'libxkbcommon0', ['libxkbcommon', 'libxkbcommon', 'libxkbcommon0', 'libxkbcommon']),
  run({ what: 'XComposite', library: 'libXcomposite.so.1' }, 'libxcomposite1', ['libXcomposite', 'libxcomposite', 'libXcomposite1', 'libxcomposite']),
  run({ what: 'XDamage', library: 'libXdamage.so.1' }, 'libxdamage1', ['libXdamage', 'libxdamage', 'libXdamage1', 'libxdamage']),
  run({ what: 'XRandR', library: 'libXrandr.so.2' }, 'libxrandr2', ['libXrandr', 'libxrandr', 'libXrandr2', 'libxrandr']),
  run({ what: 'a font', files: ['/usr/share/fonts/truetype', '/usr/share/fonts/opentype', '/usr/share/fonts/TTF', '/usr/share/fonts/dejavu', '/usr/share/fonts/noto', '/usr/share/fonts/google-noto-vf'] }, 'fonts-dejavu-core', ['dejavu-sans-fonts', 'ttf-dejavu', 'dejavu-fonts', 'font-dejavu']),
  test({ what: 'Xvfb (window tests)', program: 'Xvfb' }, 'xvfb', ['xorg-x11-server-Xvfb', 'xorg-server-xvfb', 'xorg-x11-server-Xvfb', 'xvfb']),
  test({ what: 'the OpenSSH server', program: 'sshd' }, 'openssh-server', ['openssh-server', 'openssh', 'openssh-server', 'openssh-server']),
  test({ what: 'genisoimage', program: 'genisoimage' }, 'genisoimage', ['genisoimage', 'cdrtools', 'mkisofs', 'cdrkit']),
  test({ what: 'gpg', program: 'gpg' }, 'gpg', ['gnupg2', 'gnupg', 'gpg2', 'gnupg']),
  test({ what: 'the assembler', program: 'as' }, 'binutils', ['binutils', 'binutils', 'binutils', 'binutils']),
  test({ what: 'sudo', program: 'sudo' }, 'sudo', ['sudo', 'sudo', 'sudo', 'sudo']),
  test({ what: 'busybox', program: 'busybox' }, 'busybox', ['busybox', 'busybox', 'busybox', 'busybox']),
  test({ what: 'ip', program: 'ip' }, 'iproute2', ['iproute', 'iproute2', 'iproute2', 'iproute2']),
  test({ what: 'dnsmasq (a DHCP server)', program: 'dnsmasq' }, 'dnsmasq-base', ['dnsmasq', 'dnsmasq', 'dnsmasq', 'dnsmasq']),
  test({ what: 'podman', program: 'podman' }, 'podman', ['podman', 'podman', 'podman', 'podman']),
  test({ what: 'runc (runs containers where cgroup v1 is left)', program: 'runc' }, 'runc', ['runc', 'runc', 'runc', 'runc']),
  test({ what: 'slirp4netns (a network for containers without root)', program: 'slirp4netns' }, 'slirp4netns', ['slirp4netns', 'slirp4netns', 'slirp4netns', 'slirp4netns']),
  test({ what: "the containers' network", files: ['/usr/lib/cni/bridge', '/usr/libexec/cni/bridge', '/usr/lib/podman/netavark', '/usr/libexec/podman/netavark'] }, 'containernetworking-plugins', ['netavark', 'netavark', 'netavark', 'netavark']),
  test({ what: 'tc', program: 'tc' }, 'iproute2', ['iproute-tc', 'iproute2', 'iproute2', 'iproute2-tc']),
  test({ what: 'setpriv', program: 'setpriv' }, 'util-linux', ['util-linux', 'util-linux', 'util-linux', 'setpriv']),
  test({ what: 'useradd', program: 'useradd' }, 'passwd', ['shadow-utils', 'shadow', 'shadow', 'shadow']),
  test({ what: 'virt-xml-validate', program: 'virt-xml-validate' }, 'libvirt-clients', ['libvirt-client', 'libvirt', 'libvirt-client', 'libvirt-client']),
  test({ what: 'libvirtd', program: 'libvirtd' }, 'libvirt-daemon', ['libvirt-daemon', 'libvirt', 'libvirt-daemon', 'libvirt-daemon']),
  test({ what: "libvirt's QEMU driver", files: ['/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so', '/usr/lib64/libvirt/connection-driver/libvirt_driver_qemu.so', '/usr/lib/libvirt/connection-driver/libvirt_driver_qemu.so'] }, 'libvirt-daemon-driver-qemu', ['libvirt-daemon-driver-qemu', 'libvirt', 'libvirt-daemon-driver-qemu', 'libvirt-qemu']),
  test({ what: 'xmllint', program: 'xmllint' }, 'libxml2-utils', ['libxml2', 'libxml2', 'libxml2-tools', 'libxml2-utils']),
  test({ what: "libvirt's schemas", files: ['/usr/share/libvirt/schemas/domain.rng'] }, 'libvirt0', ['libvirt-libs', 'libvirt', 'libvirt-libs', 'libvirt']),
];

/** How each package manager is told to install. All but apt are untried. */
export const installers = {
  apt: { program: 'apt-get', install: ['apt-get', 'install', '-y', '--no-install-recommends'] },
  dnf: { program: 'dnf', install: ['dnf', 'install', '-y'] },
  pacman: { program: 'pacman', install: ['pacman', '-S', '--needed', '--noconfirm'] },
  zypper: { program: 'zypper', install: ['zypper', '--non-interactive', 'install'] },
  apk: { program: 'apk', install: ['apk', 'add'] },
};
