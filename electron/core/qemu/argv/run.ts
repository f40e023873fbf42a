import { GuesthouseError } from '../../../../shared/errors.ts';
import type { BackingImage } from '../../domain/index.ts';

/** Sockets and files of one run, all absolute. `RunFiles` has most of them. */
export interface RunPaths {
  /** QMP for the owner. */
  readonly qmp: string;
  /** More QMP sockets: one takes one client, so each further use has its own. */
  readonly qmpMore?: readonly string[];
  readonly serial: string;
  /** Everything the serial console prints is appended here, also when nobody is attached. */
  readonly serialLog: string;
  /** QEMU guest agent. */
  readonly agent: string;
  readonly vnc: string;
  readonly pidfile: string;
  /** swtpm's socket, when the caller started one. */
  readonly tpm?: string;
}

/** What the caller found out or decided for this run. */
export interface QemuRun extends RunPaths {
  readonly accelerator: 'kvm' | 'tcg';
  /** Frequency of this computer's time stamp counter in kHz, which TCG passes through; told to a microvm's kernel. */
  readonly tscKhz?: number;
  /** Replaces the domain's kernel: what was read anew from the root disk. Without `cmdline` the XML's stays. */
  readonly kernel?: { readonly kernel: string; readonly initrd?: string; readonly cmdline?: string };
  /** Replaces the domain's loader and NVRAM, e.g. when `<os firmware='efi'>` names none. */
  readonly firmware?: {
    readonly code: string;
    readonly codeFormat: 'raw' | 'qcow2';
    readonly nvram: string;
    readonly nvramFormat: 'raw' | 'qcow2';
  };
  /** Wait for a migration stream: `defer`, or a `unix:` address. */
  readonly incoming?: string;
  /** Do not run the processors until QMP says `cont`. */
  readonly paused?: boolean;
  /** Backing chains read from the images' headers, by target. They win over the XML's. */
  readonly backing?: Readonly<Record<string, readonly BackingImage[]>>;
  /** PulseAudio's socket, which PipeWire has too, where QEMU can play to it; null or absent: sound is played nowhere. */
  readonly pulse?: string | null;
  /** Network back ends by interface index, as QMP `Netdev` objects without `id`: shared networks. */
  readonly netdevs?: Readonly<Record<number, Readonly<Record<string, unknown>>>>;
}

/** What the parts of the command line are gathered in. */
export class Arguments {
  readonly argv: string[] = [];
  readonly notes: string[] = [];
  /** The bridge helper is a setuid program that QEMU starts. */
  spawns = false;

  add(...args: string[]): void {
    this.argv.push(...args);
  }

  /** An option that takes JSON: no character of a name can end it. Undefined values are left out. */
  json(
    option: '-blockdev' | '-device' | '-netdev' | '-object',
    value: Readonly<Record<string, unknown>>,
  ): void {
    this.argv.push(option, JSON.stringify(value));
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }
}

/** Doubles the commas of a value in QEMU's `key=value,...` options (qemu(1)). */
export function comma(value: string): string {
  return value.replace(/,/g, ',,');
}

/**
 * A socket path fit for QEMU: sun_path of sockaddr_un holds 108 bytes with the closing zero (unix(7)).
 * @throws {GuesthouseError} `unsupported`
 */
export function socketPath(path: string): string {
  if (Buffer.byteLength(path) > 107)
    throw new GuesthouseError('unsupported', 'The path of a socket is too long.', {
      why: `${path} has ${Buffer.byteLength(path)} bytes; 107 are possible.`,
      todo: 'Set XDG_RUNTIME_DIR to a folder with a short path.',
    });
  return path;
}

/** A listening unix socket as a character device. */
export function socketChardev(id: string, path: string, more = ''): string {
  return `socket,id=${id},path=${comma(socketPath(path))},server=on,wait=off${more}`;
}

/** Words that go into a comma-separated option as they are: machine types, CPU models. */
export function plainWord(value: string, what: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(value))
    throw new GuesthouseError(
      'unsupported',
      `The ${what} ${JSON.stringify(value)} is not one QEMU can have.`,
      {
        todo: `Change the ${what} in the guest’s XML.`,
      },
    );
  return value;
}
