import * as z from 'zod';
import type { Comparison, HardwareView, HostUsbDevice, KindPlan } from '../model/hardware.ts';
import { call } from './call.ts';
import type { hardwareCalls } from './channels.ts';
import { guestRef, type Started } from './guests.ts';

const one = z.object({ id: guestRef });
const kind = z.enum(['full', 'hybrid', 'paravirtual']);
const target = z.string().regex(/^[A-Za-z0-9_]{1,24}$/, 'A disk is named like vda.');
const mac = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, 'A MAC address looks like 52:54:00:12:34:56.');
const file = z.string().min(1).max(4096).startsWith('/', 'The path must be absolute.');
const port = z.number().int().min(1).max(65535);
const plain = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/, 'That is no plain word.');
const bus = z.enum(['virtio', 'sata', 'ide', 'scsi', 'usb']);
const cache = z.enum(['default', 'none', 'writeback', 'writethrough', 'directsync', 'unsafe']);
const rate = z
  .number()
  .int()
  .min(0)
  .max(2 ** 50)
  .nullable();
const proto = z.enum(['tcp', 'udp']);
const usbId = z.number().int().min(0).max(0xffff);
const nicModel = z.enum(['virtio', 'e1000e', 'e1000', 'rtl8139', 'vmxnet3']);
const count = z.number().int().min(1).max(256);
const mib = z
  .number()
  .int()
  .min(64)
  .max(4 << 20);

/** One edit of a guest's hardware. What is left out stays as it is. */
export const hardwareChange = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('cpu'),
    count: count.optional(),
    /** Processors that can be added while it runs, those it starts with included. */
    max: count.optional(),
    mode: z.enum(['host', 'model', 'default']).optional(),
    /** Needed for the mode `model`, such as `Skylake-Client`. */
    model: plain.optional(),
    /** Null: as QEMU likes. The product is the number of processors. */
    topology: z.object({ sockets: count, cores: count, threads: count }).nullable().optional(),
  }),
  /** MiB. `current` is what the balloon leaves it. */
  z.object({
    do: z.literal('memory'),
    max: mib.optional(),
    current: mib.optional(),
    balloon: z.boolean().optional(),
  }),
  z.object({
    do: z.literal('add-disk'),
    device: z.enum(['disk', 'cdrom']).default('disk'),
    /** A new image of so many GiB in the guest's folder, or a file that is there; null is an empty CD drive. */
    source: z
      .union([
        z.object({ newGiB: z.number().int().min(1).max(65536) }),
        z.object({ file, format: z.enum(['raw', 'qcow2']).nullable().default(null) }),
      ])
      .nullable(),
    bus: bus.optional(),
    cache: cache.optional(),
  }),
  z.object({
    do: z.literal('edit-disk'),
    target,
    bus: bus.optional(),
    cache: cache.optional(),
    discard: z.boolean().optional(),
    readonly: z.boolean().optional(),
    /** All six at once; null or 0 is no limit. */
    limits: z
      .object({
        totalBytes: rate,
        readBytes: rate,
        writeBytes: rate,
        totalIops: rate,
        readIops: rate,
        writeIops: rate,
      })
      .partial()
      .optional(),
  }),
  /** Takes the disk out; its file stays. */
  z.object({ do: z.literal('remove-disk'), target }),
  /** GiB. A disk cannot shrink. Cannot be undone. */
  z.object({ do: z.literal('grow-disk'), target, size: z.number().positive().max(65536) }),
  /** Puts another CD in; null takes it out. */
  z.object({ do: z.literal('medium'), target, file: file.nullable() }),
  z.object({
    do: z.literal('add-nic'),
    type: z.enum(['user', 'network', 'bridge']).default('user'),
    source: plain.optional(),
    model: nicModel.optional(),
    mac: mac.optional(),
  }),
  z.object({
    do: z.literal('edit-nic'),
    mac,
    newMac: mac.optional(),
    type: z.enum(['user', 'network', 'bridge']).optional(),
    source: plain.nullable().optional(),
    model: nicModel.optional(),
    linkUp: z.boolean().optional(),
  }),
  z.object({ do: z.literal('remove-nic'), mac }),
  /** Cuts the guest's user network off from this computer and the world, forwards aside. */
  z.object({ do: z.literal('restrict'), on: z.boolean() }),
  z.object({ do: z.literal('add-forward'), proto: proto.default('tcp'), hostPort: port, guestPort: port }),
  z.object({ do: z.literal('remove-forward'), proto: proto.default('tcp'), hostPort: port }),
  z.object({
    do: z.literal('display'),
    screen: z.boolean().optional(),
    video: z.enum(['virtio', 'vga', 'qxl', 'cirrus', 'bochs', 'none']).optional(),
  }),
  /** Ties the guest's clipboard to its screen's; a program inside, spice-vdagent, does the rest. */
  z.object({ do: z.literal('clipboard'), on: z.boolean() }),
  z.object({ do: z.literal('sound'), model: z.enum(['ich9', 'ich6', 'ac97', 'usb']).nullable() }),
  z.object({ do: z.literal('tpm'), model: z.enum(['tpm-crb', 'tpm-tis']).nullable() }),
  z.object({ do: z.literal('rng'), on: z.boolean() }),
  z.object({
    do: z.literal('watchdog'),
    model: z.enum(['i6300esb', 'ib700']).nullable(),
    action: z.enum(['reset', 'shutdown', 'poweroff', 'pause', 'none']).default('reset'),
  }),
  /** `agreed`: the person knows that the device leaves this computer for the guest. */
  z.object({
    do: z.literal('add-usb'),
    vendor: usbId,
    product: usbId,
    agreed: z.boolean().default(false),
  }),
  z.object({ do: z.literal('remove-usb'), vendor: usbId, product: usbId }),
  /** `agreed`: the person knows that the guest sees, and may change, this folder. */
  z.object({
    do: z.literal('add-folder'),
    path: file,
    /** The name the guest mounts it by. */
    tag: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/, 'Letters, digits, dots and dashes, at most 31.'),
    readonly: z.boolean().default(true),
    agreed: z.boolean().default(false),
  }),
  z.object({ do: z.literal('remove-folder'), tag: z.string().min(1).max(100) }),
  /** Targets of disks and MAC addresses of cards, first to last. What is not named is not booted from. */
  z.object({ do: z.literal('boot-order'), order: z.array(z.string().min(1).max(40)).max(64) }),
  z.object({ do: z.literal('kind'), kind }),
]);
export type HardwareChange = z.output<typeof hardwareChange>;
export type HardwareChangeInput = z.input<typeof hardwareChange>;

export interface Changed extends Started {
  /** When it takes effect: at once, or when the guest is started the next time. Off guests: at the next start too. */
  readonly when: 'now' | 'next-start';
  /** Why not at once; null when at once or when nothing runs. */
  readonly why: string | null;
}

export const hardwareContract = {
  'hardware.view': call(one).returns<HardwareView>(),
  /**
   * Changes a guest's hardware. While it runs, what QEMU can change is changed at once unless `when` is `next-start`.
   * The operation is over when this returns, and can be undone. Fails with `needs-consent` for what reaches outside.
   */
  'hardware.change': call(
    one.extend({ change: hardwareChange, when: z.enum(['best', 'next-start']).default('best') }),
  ).returns<Changed>(),
  /** Takes back what waits for the next start: one part of `pending`, or all. */
  'hardware.revert': call(one.extend({ part: z.string().max(200).nullable() })).returns<Started>(),
  /** Deletes a disk image of the guest's folder that no guest uses. */
  'hardware.deleteDisk': call(one.extend({ file })).returns<void>(),
  'hardware.usbDevices': call(z.undefined()).returns<readonly HostUsbDevice[]>(),
  'hardware.planKind': call(one.extend({ kind })).returns<KindPlan>(),
  /** Boots throw-away copies of a guest that is off in each kind, and measures them. Takes minutes. */
  'hardware.compare': call(
    one.extend({ kinds: z.array(kind).min(1).max(3).default(['full', 'hybrid', 'paravirtual']) }),
  ).returns<Started>(),
  /** The last comparison; null when there was none. */
  'hardware.comparison': call(one).returns<Comparison | null>(),
} satisfies Record<(typeof hardwareCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
