import * as z from 'zod';
import type { Guest } from '../model/guest.ts';
import { nameProblem } from '../model/names.ts';
import { userSchema } from '../model/server.ts';
import { call } from './call.ts';
import type { guestCalls } from './channels.ts';
import { cloudImageId } from './cloud-id.ts';

/** A guest's folder name, or for people at a shell its name; core resolves both. */
export const guestRef = z.string().min(1).max(200);
const one = z.object({ id: guestRef });

export const guestName = z.string().superRefine((name, ctx) => {
  const problem = nameProblem(name);
  if (problem) ctx.addIssue({ code: 'custom', message: problem });
});

/** The answer of a call that goes on as an operation. */
export interface Started {
  readonly operation: string;
}

export interface GuestDetail {
  readonly guest: Guest;
  /** The domain XML as it is on disk. */
  readonly xml: string;
  /** The XML the running QEMU was started with, when it differs. */
  readonly runningXml: string | null;
  /** What Guesthouse cannot run or what reaches outside the library, by element. */
  readonly problems: readonly {
    path: string;
    line: number;
    reason: string;
    kind: 'unsupported' | 'outside';
    /** The file, address or device outside; null for unsupported things. */
    reaches: string | null;
    /** Someone allowed it: see `guests.allowOutside`. */
    agreed: boolean;
  }[];
  /** The QEMU command line it would start with, for people. */
  readonly commandLine: readonly string[] | null;
}

/** One thing of a domain XML that would not run, or that reaches outside the library. */
export interface XmlProblem {
  /** As libvirt's documentation writes it: `devices/disk/source@file`. */
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  readonly reason: string;
  readonly kind: 'unsupported' | 'outside';
  readonly reaches: string | null;
}

/** What there is to say of a domain XML before anything is done with it. */
export interface XmlCheck {
  /** Why it is no domain at all, with the line where it is known; null when it can be read. */
  readonly invalid: { readonly line: number | null; readonly reason: string } | null;
  readonly name: string | null;
  readonly uuid: string | null;
  readonly problems: readonly XmlProblem[];
  /** Images outside the library: `guests.importXml` copies or links to them only when they are in its `agreed`. */
  readonly images: readonly string[];
  /** Names `guests.importXml` takes with `nearest`, for machine types and processor models this computer's QEMU lacks. */
  readonly nearest: readonly string[];
  /** The word of libvirt's own schema; `unavailable` where its validator is not installed. */
  readonly schema: {
    readonly state: 'valid' | 'invalid' | 'unavailable';
    readonly messages: readonly { readonly line: number | null; readonly text: string }[];
  };
  /** Every element in document order. */
  readonly outline: readonly {
    readonly line: number;
    readonly depth: number;
    readonly name: string;
    readonly attributes: readonly { readonly name: string; readonly value: string }[];
    readonly text: string;
  }[];
}

export interface Screenshot {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** The PNG file, in base64. */
  readonly png: string;
}

/** The word of the program qemu-guest-agent inside the guest; shown, never trusted. */
export interface AgentInfo {
  /** Without loopback and link-local ones. */
  readonly addresses: readonly string[];
  readonly os: {
    /** `debian`, after os-release(5). */
    readonly id: string | null;
    readonly name: string | null;
    readonly version: string | null;
    readonly kernel: string | null;
  };
  /** Those on disks, by mount point; at most 64. */
  readonly fileSystems: readonly {
    readonly mountpoint: string;
    /** `ext4` */
    readonly type: string;
    /** Bytes; null when the agent does not say. */
    readonly used: number | null;
    readonly total: number | null;
  }[];
}

export interface Frozen {
  /** How many file systems were frozen or thawed, by the agent's word. */
  readonly fileSystems: number;
}

/** Characters of a domain XML that is read; libvirt's own have 5 to 20 thousand. */
const xmlText = z.string().max(2 << 20);

export interface Imported extends Started {
  readonly id: string;
  /** What had to be changed in the XML beside what was asked for, as sentences. */
  readonly changes: readonly string[];
}

export interface DeletePlan {
  /** Absolute paths inside the library that will be gone. */
  readonly removed: readonly { path: string; bytes: number }[];
  /** Files it uses that stay, with the reason. */
  readonly kept: readonly { path: string; why: string }[];
}

const filePath = z.string().min(1).max(4096).startsWith('/', 'The path must be absolute.');
const firmware = z.enum(['bios', 'uefi', 'secure-boot']).default('bios');

/** What an OVA says of the machine in it. */
export interface OvaSummary {
  readonly name: string;
  /** The system inside, in the vendor's words. */
  readonly os: string | null;
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  readonly firmware: 'bios' | 'uefi' | 'secure-boot';
  readonly tpm: boolean;
  readonly disks: readonly {
    /** Its name in the archive; null: it begins empty. */
    readonly file: string | null;
    /** Bytes the system sees; 0 when the descriptor does not say. */
    readonly capacity: number;
    /** Bytes in the archive. */
    readonly bytes: number;
  }[];
  /** How many network cards. */
  readonly interfaces: number;
  /** The checksums it comes with; null: none, and nothing tells whether it is whole. */
  readonly manifest: string | null;
  /** What is left out, as sentences. */
  readonly notes: readonly string[];
}

/** What a file is that a guest could be made from. */
export interface SourceImage {
  readonly path: string;
  /** As its first bytes say: qcow2, vmdk, vdi, vhdx, vpc, iso, ova; raw for all else. */
  readonly format: string;
  /** Bytes the guest would see; null where only QEMU can tell (VHDX). */
  readonly virtualSize: number | null;
  /** The volume label of an ISO. */
  readonly label: string | null;
  /** What the label suggests; `memory` in MiB, `disk` in GiB. */
  readonly system: {
    readonly name: string;
    readonly kind: 'full' | 'hybrid';
    readonly memory: number;
    readonly disk: number;
  } | null;
  /** Of an OVA. */
  readonly ova: OvaSummary | null;
}

export const createSpec = z.object({
  name: guestName,
  from: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('starter'), id: z.literal('debian-12') }),
    z.object({
      kind: z.literal('image'),
      /** Absolute, on this computer. */
      path: filePath,
      /** `copy` converts to qcow2, `link` makes an overlay, `in-place` lets the guest write to the file itself. */
      mode: z.enum(['copy', 'link', 'in-place']).default('copy'),
      /** Null: told from its first bytes. A person who knows better states it. */
      format: z.enum(['raw', 'qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc']).nullable().default(null),
      firmware,
    }),
    /** An empty disk (20 GiB unless `diskSize` says) and the medium in a CD drive. */
    z.object({ kind: z.literal('iso'), path: filePath, firmware }),
    z.object({
      kind: z.literal('ova'),
      path: filePath,
      /** Null: as the archive says. */
      firmware: z.enum(['bios', 'uefi', 'secure-boot']).nullable().default(null),
    }),
    z.object({
      kind: z.literal('cloud'),
      /** As `cloudImages.list` names it. It is downloaded first where it is not in the cache. */
      id: cloudImageId,
      /** Null: what the image needs. */
      firmware: z.enum(['bios', 'uefi', 'secure-boot']).nullable().default(null),
    }),
  ]),
  vcpus: z.number().int().min(1).max(256).default(2),
  /** MiB */
  memory: z
    .number()
    .int()
    .min(64)
    .max(4 << 20)
    .default(1024),
  /** GiB the root disk is grown to; null keeps the source's size. */
  diskSize: z.number().int().min(1).max(65536).nullable().default(null),
  kind: z.enum(['full', 'hybrid', 'paravirtual']).default('hybrid'),
  /** A TPM 2.0, emulated by swtpm. */
  tpm: z.boolean().default(false),
  /** Public keys (one line each) the login user will accept. */
  authorizedKeys: z.array(z.string().max(16384)).max(50).default([]),
  /** Whom to log in as by SSH, for systems Guesthouse does not know; null: not known (yet). */
  user: userSchema.nullable().default(null),
  tags: z.array(z.string().min(1).max(40)).max(20).default([]),
  start: z.boolean().default(false),
});
export type CreateSpec = z.input<typeof createSpec>;

export const guestContract = {
  'guests.detail': call(one).returns<GuestDetail>(),
  /** The guest appears in the list when the operation ends. `id` is known beforehand. */
  'guests.create': call(createSpec).returns<Started & { id: string }>(),
  /** Starts, or resumes a saved guest. Ends when QEMU runs the guest. Fails with `needs-consent`: `guests.allowOutside`. */
  'guests.start': call(one).returns<Started>(),
  /** Starts the guests with `autostart` that are off or saved: the window's first call. */
  'guests.startWithApp': call(z.undefined()).returns<void>(),
  /** Allows a guest to reach these things outside the library, as `problems[].reaches` of its detail names them. */
  'guests.allowOutside': call(
    one.extend({ reaches: z.array(z.string().max(4096)).max(1000) }),
  ).returns<void>(),
  /** Asks the system inside; ends when it is off, or fails with `timeout` after the deadline (seconds). */
  'guests.shutdown': call(one.extend({ deadline: z.number().positive().optional() })).returns<Started>(),
  'guests.reboot': call(one).returns<Started>(),
  'guests.reset': call(one).returns<void>(),
  'guests.pause': call(one).returns<void>(),
  'guests.resume': call(one).returns<void>(),
  'guests.forceOff': call(one).returns<void>(),
  'guests.save': call(one).returns<Started>(),
  'guests.discardSaved': call(one).returns<void>(),
  'guests.rename': call(one.extend({ name: guestName })).returns<void>(),
  'guests.setAutostart': call(one.extend({ autostart: z.boolean() })).returns<void>(),
  'guests.setLabels': call(
    one.extend({
      tags: z.array(z.string().min(1).max(40)).max(20).optional(),
      description: z.string().max(4000).optional(),
      /** Whom to log in as by SSH; null: nobody in particular. */
      user: userSchema.nullable().optional(),
    }),
  ).returns<void>(),
  'guests.deletePlan': call(one).returns<DeletePlan>(),
  'guests.delete': call(one).returns<void>(),
  /** The last `lines` of QEMU's log. */
  'guests.log': call(one.extend({ lines: z.number().int().min(1).max(5000).default(200) })).returns<string>(),
  /** Ends when the guest's sshd sends its banner. */
  'guests.waitSsh': call(one.extend({ timeout: z.number().positive().default(300) })).returns<Started>(),
  /** Looks at an image or ISO without opening what it refers to. Fails with `disk-refused` and the reason. */
  'guests.inspectSource': call(z.object({ path: filePath })).returns<SourceImage>(),
  /** What the guest's screen shows now, as a PNG. */
  'guests.screenshot': call(one).returns<Screenshot>(),
  /** What the guest's own agent says of it. Fails with `unreachable` when there is none. */
  'guests.agent': call(one).returns<AgentInfo>(),
  /**
   * Has the guest's agent freeze its file systems, so that its disks can be copied whole while it runs. They are thawed by
   * `guests.thaw`, after `seconds`, or when this process ends, whatever comes first.
   */
  'guests.freeze': call(
    one.extend({ seconds: z.number().positive().max(3600).default(60) }),
  ).returns<Frozen>(),
  'guests.thaw': call(one).returns<Frozen>(),
  /** Give the text, or the file it is in. */
  'guests.checkXml': call(
    z
      .object({ xml: xmlText.optional(), path: filePath.optional() })
      .refine(({ xml, path }) => (xml === undefined) !== (path === undefined), 'Give the XML or its file.'),
  ).returns<XmlCheck>(),
  /** The kept text, byte for byte: what `virsh define` accepts and `guests.importXml` takes again. */
  'guests.exportXml': call(one).returns<{ name: string; xml: string }>(),
  /**
   * Replaces the XML; a running guest takes it up at its next start. `expected` is the text the edit began with: fails
   * with `wrong-state` when it is another by now, with `xml-invalid` when it is no domain. The operation can be undone.
   */
  'guests.setXml': call(one.extend({ xml: xmlText, expected: xmlText })).returns<XmlCheck & Started>(),
  /**
   * Makes a guest of a domain XML, as `virsh dumpxml` writes it; give its text or its file. `disks`: used where they
   * are, copied (as qcow2), or overlays on them. Nobody vouches for the XML: copying or linking an image outside the
   * library that is not in `agreed` fails with `needs-consent`, and the rest is asked about before the first start.
   * `nearest`: a machine type or processor model that this computer's QEMU lacks becomes the nearest it has.
   */
  'guests.importXml': call(
    z
      .object({
        xml: xmlText.optional(),
        path: z.string().min(1).max(4096).optional(),
        name: guestName.optional(),
        disks: z.enum(['reference', 'copy', 'link']).default('reference'),
        agreed: z.array(z.string().max(4096)).max(1000).default([]),
        nearest: z.boolean().default(false),
      })
      .refine(({ xml, path }) => (xml === undefined) !== (path === undefined), 'Give the XML or its file.'),
  ).returns<Imported>(),
} satisfies Record<(typeof guestCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
