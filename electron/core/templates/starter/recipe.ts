/**
 * What the starter guest "Debian 12" consists of, as plain data: packages, files, the scripts that run while it is
 * made. Everything here enters {@link recipeHash}, so a changed recipe makes a new image beside the old one.
 */
import { createHash } from 'node:crypto';

/** What to build. Only `debian-12` is known; the rest is for tests and for machines with little room. */
export interface StarterSpec {
  readonly id: 'debian-12';
  /** Size of the guest's disk in bytes; default 8 GiB. The file itself is sparse. */
  readonly virtualSize?: number;
}

export const suite = 'bookworm';
export const guestUser = 'debian';
export const defaultVirtualSize = 8 * 2 ** 30;

/** Raise when the build itself changes in a way that the texts below do not show. */
const recipeVersion = 1;

export const packages: readonly string[] = [
  // Both kernels: the cloud one is small and quick, but has no AHCI and no e1000.
  'linux-image-cloud-amd64',
  'linux-image-amd64',
  'systemd-sysv',
  'udev',
  'dbus',
  'systemd-resolved',
  'libnss-myhostname',
  'openssh-server',
  'sudo',
  'qemu-guest-agent',
  'iproute2',
  'iputils-ping',
  'procps',
  'less',
  'nano',
  // lz4 unpacks the initrd several times faster than the default under emulation.
  'lz4',
  // Images for BIOS and UEFI are made by these, inside the guest's own tree; later kernels update grub.cfg.
  'grub2-common',
  'grub-pc-bin',
  'grub-efi-amd64-bin',
];

/** dpkg leaves these files out, now and at later upgrades (dpkg.cfg.d keeps the rule in the guest). */
export const pathRules: readonly string[] = [
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/lintian/*',
  'path-exclude=/usr/share/locale/*',
  'path-include=/usr/share/locale/locale.alias',
];

/** The parameters of one build that its files mention. */
export interface BuildIdentity {
  /** UUID of the root file system. */
  readonly rootUuid: string;
}

export interface GuestFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** Arguments every way of booting needs; direct kernel boot passes them itself. kernel-parameters(7). */
export function kernelCmdline({ rootUuid }: BuildIdentity): string {
  return `root=UUID=${rootUuid} ro console=tty0 console=ttyS0,115200n8 quiet`;
}

/** Files laid into the tree before the packages are configured, so that initrds are made by our rules at once. */
export function guestFiles(identity: BuildIdentity): GuestFile[] {
  const file = (path: string, text: string, mode = 0o644): GuestFile => ({ path, mode, text });
  return [
    file('etc/initramfs-tools/conf.d/guesthouse', 'MODULES=list\nCOMPRESS=lz4\nRESUME=none\n'),
    file('etc/initramfs-tools/hooks/guesthouse', initramfsHook, 0o755),
    file('etc/kernel-img.conf', 'do_symlinks = no\n'),
    file(
      'etc/fstab',
      `UUID=${identity.rootUuid} / ext4 errors=remount-ro 0 1\nLABEL=ESP /boot/efi vfat noauto,umask=0077 0 0\n`,
    ),
    file('etc/repart.d/50-root.conf', '[Partition]\nType=root\n'),
    file('etc/systemd/system/grow-root.service', growRoot),
    // One job that hangs would hold up a shutdown for the default of 90 s: systemd-system.conf(5).
    file('etc/systemd/system.conf.d/10-guesthouse.conf', '[Manager]\nDefaultTimeoutStopSec=15s\n'),
    // sshd reads its configuration once, not twice: the check before the start costs half a second under emulation.
    file('etc/systemd/system/ssh.service.d/10-guesthouse.conf', '[Service]\nExecStartPre=\n'),
    file(
      'etc/systemd/network/80-dhcp.network',
      '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\nIPv6PrivacyExtensions=no\n',
    ),
    file(
      'etc/ssh/sshd_config.d/10-guesthouse.conf',
      '# Keys only: the password of the user debian is known to everyone and is for the console.\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no\n',
    ),
    file('etc/sudoers.d/90-debian', `${guestUser} ALL=(ALL) NOPASSWD: ALL\n`, 0o440),
    file('etc/default/locale', 'LANG=C.UTF-8\n'),
    file('etc/default/grub', grubDefaults),
    file('etc/grub.d/09_guesthouse', grubGenerator, 0o755),
    file(
      'etc/issue',
      'Debian GNU/Linux 12 \\n \\l\n\nLog in here as "debian" with the password "debian"; over SSH with a key only.\n\n',
    ),
  ];
}

/**
 * `MODULES=list` with an empty list and this hook: the drivers of the disk buses are in the initrd and the ones that are
 * needed get loaded, once, by their modalias. Debian's own way (`most`, and udevd with all its rules in the initrd)
 * makes an initrd four times as large and costs seconds at each start under emulation. It comes back by itself as
 * soon as a package is installed that builds on it.
 */
const initramfsHook = `#!/bin/sh
PREREQ=""
case "$1" in prereqs) echo "$PREREQ"; exit 0 ;; esac
. /usr/share/initramfs-tools/hook-functions
# Names a kernel lacks are passed over: the cloud kernel has no ahci, for one.
manual_add_modules virtio_pci virtio_mmio virtio_blk virtio_scsi
manual_add_modules ahci ata_piix ata_generic sd_mod sr_mod nvme sym53c8xx mptspi vmw_pvscsi
manual_add_modules xhci_pci ehci_pci uhci_hcd usb_storage uas
manual_add_modules ext4 crc32c_generic crc32c_intel

for needs_udev in lvm2 cryptroot mdadm multipath zfs btrfs plymouth; do
  [ -e "/usr/share/initramfs-tools/hooks/$needs_udev" ] && exit 0
done
rm -rf "$DESTDIR/lib/systemd" "$DESTDIR/usr/lib/systemd" "$DESTDIR/lib/udev" "$DESTDIR/usr/lib/udev" "$DESTDIR/etc/udev"
rm -f "$DESTDIR/bin/udevadm" "$DESTDIR/usr/bin/udevadm"
mkdir -p "$DESTDIR/scripts/local-block"
cat > "$DESTDIR/scripts/init-top/udev" <<'EOF'
#!/bin/sh
case "$1" in prereqs) exit 0 ;; esac
. /scripts/load-drivers
tries=0
while [ $tries -lt 30 ]; do
  load_drivers
  for partition in /sys/block/*/*/partition; do [ -e "$partition" ] && exit 0; done
  # The first round finds controllers, later ones what is on them.
  [ $tries -gt 1 ] && sleep 0.1
  tries=$((tries + 1))
done
exit 0
EOF
cat > "$DESTDIR/scripts/load-drivers" <<'EOF'
load_drivers() {
  aliases=$(cat /sys/bus/*/devices/*/modalias 2>/dev/null)
  set -f
  modprobe -abq $aliases 2>/dev/null
  set +f
}
EOF
# Called each second while the root file system is waited for: slow USB and SCSI disks.
cat > "$DESTDIR/scripts/local-block/load-drivers" <<'EOF'
#!/bin/sh
case "$1" in prereqs) exit 0 ;; esac
. /scripts/load-drivers
load_drivers
exit 0
EOF
cat > "$DESTDIR/scripts/init-bottom/udev" <<'EOF'
#!/bin/sh
case "$1" in prereqs) exit 0 ;; esac
mount -n -o move /dev "$rootmnt/dev" || mount -n --move /dev "$rootmnt/dev"
nuke /dev 2>/dev/null || rm -rf /dev
ln -s "$rootmnt/dev" /dev
EOF
chmod 755 "$DESTDIR/scripts/init-top/udev" "$DESTDIR/scripts/init-bottom/udev" "$DESTDIR/scripts/local-block/load-drivers"
exit 0
`;

const grubDefaults = `# Read by update-grub. The menu shows when Shift or Escape is held at start.
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_TIMEOUT_STYLE=hidden
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_DISABLE_OS_PROBER=true
`;

/**
 * Stands in for Debian's 10_linux, which would sort the cloud kernel first: that one cannot read a SATA or IDE disk.
 * Also writes the first grub.cfg, where grub-probe cannot know the disk yet.
 */
const grubGenerator = `#!/bin/sh
# Menu entries for update-grub: the full kernels first, newest on top, then the cloud kernels.
set -e
uuid="\${GRUB_DEVICE_UUID:-$GUESTHOUSE_ROOT_UUID}"
entries() {
  for image in $(ls -1 /boot/vmlinuz-* 2>/dev/null | sort -rV); do
    version="\${image#/boot/vmlinuz-}"
    case "$version" in *-cloud-*) kind=cloud ;; *) kind=full ;; esac
    [ "$kind" = "$1" ] || continue
    [ -e "/boot/initrd.img-$version" ] || continue
    cat <<EOF
menuentry 'Debian GNU/Linux, with Linux $version' --class debian --class gnu-linux --class os {
	search --no-floppy --fs-uuid --set=root $uuid
	linux /boot/vmlinuz-$version root=UUID=$uuid ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
	initrd /boot/initrd.img-$version
}
EOF
  done
}
entries full
entries cloud
`;

/**
 * Takes a disk that was made larger into use at the next boot. systemd's own units for this run early and at every
 * boot; this one runs last, and only when the disk ends more than 4 MiB after the root partition.
 */
const growRoot = `[Unit]
Description=Grow the root file system to the size of its disk
After=ssh.service serial-getty@ttyS0.service

[Service]
Type=oneshot
ExecCondition=/bin/sh -c 'p=$$(readlink -f /sys/dev/block/$$(mountpoint -d /)); [ $$(($$(cat $$p/../size) - $$(cat $$p/start) - $$(cat $$p/size))) -gt 8192 ]'
ExecStart=/usr/bin/systemd-repart --dry-run=no
ExecStart=/lib/systemd/systemd-growfs /

[Install]
WantedBy=multi-user.target
`;

/** Modules linked into both boot images, so that neither needs a file to find the root file system. */
const grubModules =
  'part_gpt part_msdos ext2 fat normal search search_fs_uuid configfile linux echo test serial terminal ls cat help reboot halt minicmd all_video gzio sleep';

/** Run by mmdebstrap (`--essential-hook`) with the tree as argument, before the packages above are unpacked. */
export const essentialHook = `#!/bin/sh
set -eu
cp -R --preserve=mode "$(dirname "$0")/overlay/." "$1/"
`;

const enabled =
  'systemd-networkd.service systemd-resolved.service ssh.service serial-getty@ttyS0.service getty@tty1.service grow-root.service';
// Each of these costs time at boot, or wakes a guest that does nothing.
const disabled = [
  'systemd-networkd-wait-online.service',
  'e2scrub_reap.service',
  'e2scrub_all.timer',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'fstrim.timer',
  'systemd-pstore.service',
  'systemd-network-generator.service',
].join(' ');
/** Wanted by other units, so disabling is not enough. All of it comes back by `systemctl unmask`. */
const masked = [
  'systemd-repart.service', // grow-root.service does it, later
  'sys-kernel-config.mount',
  'sys-fs-fuse-connections.mount',
  'modprobe@drm.service', // udev loads what a video card needs
].join(' ');
/** Started one and all at each boot to find that there is nothing for them to do. systemd.generator(7). */
const generators = 'gpt-auto hibernate-resume integritysetup veritysetup rc-local';

/** Run by mmdebstrap (`--customize-hook`) with the tree as argument, after all packages are configured. */
export const customizeHook = ({ rootUuid }: BuildIdentity): string => `#!/bin/sh
set -eu
root=$1
in_guest() { chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

in_guest useradd --create-home --shell /bin/bash --user-group --groups adm,sudo,systemd-journal ${guestUser}
printf '%s\\n' '${guestUser}:${guestUser}' | in_guest chpasswd
in_guest passwd --quiet --lock root
in_guest systemctl --quiet enable ${enabled}
in_guest systemctl --quiet disable ${disabled} 2>/dev/null || true
in_guest systemctl --quiet mask ${masked}
mkdir -p "$root/etc/systemd/system-generators"
for name in ${generators}; do
  ln -s /dev/null "$root/etc/systemd/system-generators/systemd-$name-generator"
done

chmod -x "$root/etc/grub.d/10_linux" "$root/etc/grub.d/20_linux_xen" "$root/etc/grub.d/30_os-prober" "$root/etc/grub.d/30_uefi-firmware"
mkdir -p "$root/boot/grub" "$root/boot/efi"
cat > "$root/boot/grub/early.cfg" <<'EOF'
search.fs_uuid ${rootUuid} root
set prefix=($root)/boot/grub
EOF
for target in i386-pc x86_64-efi; do
  mkdir -p "$root/boot/grub/$target"
  cp "$root/usr/lib/grub/$target"/*.mod "$root/usr/lib/grub/$target"/*.lst "$root/boot/grub/$target/"
done
in_guest grub-mkimage -O x86_64-efi -o /boot/grub/bootx64.efi -p /boot/grub -c /boot/grub/early.cfg ${grubModules}
in_guest grub-mkimage -O i386-pc -o /boot/grub/i386-pc/core.img -p /boot/grub -c /boot/grub/early.cfg biosdisk ${grubModules}
cp "$root/usr/lib/grub/i386-pc/boot.img" "$root/boot/grub/i386-pc/boot.img"
{
  cat <<'EOF'
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set default=0
set timeout_style=hidden
set timeout=0
EOF
  in_guest env GUESTHOUSE_ROOT_UUID=${rootUuid} GRUB_CMDLINE_LINUX_DEFAULT=quiet \\
    GRUB_CMDLINE_LINUX='console=tty0 console=ttyS0,115200n8' /etc/grub.d/09_guesthouse
} > "$root/boot/grub/grub.cfg"
`;

/** The guest's own package sources: Debian's, whatever mirror the image was made from. */
const guestSources = `deb http://deb.debian.org/debian ${suite} main
deb http://deb.debian.org/debian ${suite}-updates main
deb http://deb.debian.org/debian-security ${suite}-security main
`;

/**
 * Run on the finished tree (mmdebstrap's own clean-up comes after its hooks and would undo some of this). What makes
 * one machine differ from another is emptied: clones get theirs from the host, see machine-id(5) for the empty file.
 */
export const finishScript = `#!/bin/sh
set -eu
root=$1
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/var/lib/systemd/random-seed" \\
  "$root/var/lib/systemd/credential.secret" "$root"/etc/apt/sources.list.d/*
: > "$root/etc/machine-id"
chmod 0444 "$root/etc/machine-id"
mkdir -p "$root/var/lib/dbus"
ln -sfn /etc/machine-id "$root/var/lib/dbus/machine-id"
rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/etc/hosts"
printf 'debian\\n' > "$root/etc/hostname"
printf '127.0.0.1 localhost\\n127.0.1.1 debian\\n::1 localhost ip6-localhost ip6-loopback\\n' > "$root/etc/hosts"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
cat > "$root/etc/apt/sources.list" <<'EOF'
${guestSources}EOF
chmod 0644 "$root/etc/hostname" "$root/etc/hosts" "$root/etc/apt/sources.list"
find "$root/var/log" -type f -delete
rm -rf "$root/var/cache/apt/archives" "$root"/var/cache/apt/*.bin "$root"/var/lib/apt/lists/* "$root"/run/* "$root"/tmp/* "$root/root/.bash_history"
mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"
for dir in dev proc sys; do
  find "$root/$dir" -mindepth 1 -xdev -delete
done
`;

/** Names the image: 12 hex digits over everything that decides what is in it, but not over the packages' versions. */
export function recipeHash(spec: StarterSpec): string {
  const identity: BuildIdentity = { rootUuid: '' };
  const all = [
    recipeVersion,
    spec.id,
    spec.virtualSize ?? defaultVirtualSize,
    suite,
    packages,
    pathRules,
    guestFiles(identity),
    essentialHook,
    customizeHook(identity),
    finishScript,
    kernelCmdline(identity),
  ];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 12);
}
