import { type CreateSpec, createSpec, type SourceImage } from '../../../shared/ipc/guests.ts';
import { nameProblem } from '../../../shared/model/names.ts';

/** What a guest can be made from; a template leads to the clone wizard. */
export type SourceId = 'starter' | 'iso' | 'image' | 'ova' | 'cloud' | 'xml' | 'template';
export type Firmware = 'bios' | 'uefi' | 'secure-boot';

/** What the dialog holds. */
export interface CreateForm {
  readonly name: string;
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  readonly kind: 'full' | 'hybrid' | 'paravirtual';
  /** GiB; null keeps the source's size. */
  readonly diskSize: number | null;
  /** Lines as in authorized_keys. */
  readonly keys: string;
  readonly start: boolean;
  readonly firmware: Firmware;
  readonly tpm: boolean;
  /** Whom to log in as by SSH, once a system is on its disk; empty: not known. */
  readonly user: string;
  /** What becomes of a disk image. */
  readonly mode: 'copy' | 'link' | 'in-place';
}

export type Problems = Partial<Record<'name' | 'vcpus' | 'memory' | 'diskSize' | 'keys' | 'user', string>>;

const keyLine = /^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) [A-Za-z0-9+/]+=*( .*)?$/;

/** The source as the call takes it; `file` is the path, or the cloud image's id. */
export function fromOf(source: SourceId, file: string, form: CreateForm): CreateSpec['from'] | null {
  const { firmware, mode } = form;
  if (source === 'starter') return { kind: 'starter', id: 'debian-12' };
  if (source === 'cloud') return file === '' ? null : { kind: 'cloud', id: file, firmware };
  if (!file.startsWith('/')) return null;
  if (source === 'iso' || source === 'ova') return { kind: source, path: file, firmware };
  return source === 'image' ? { kind: 'image', path: file, mode, firmware } : null;
}

/** A name after a file's or machine's, free among those taken: `debian-13.1.0-amd64-netinst.iso` gives `debian-13.1.0`. */
export function nameAfter(text: string, taken: readonly string[]): string {
  const stem =
    text
      .toLowerCase()
      .replace(/\.(iso|ova|qcow2|img|raw|vmdk|vdi|vhdx?|xml)$/, '')
      .replace(/[^a-z0-9.-]+/g, '-')
      .replace(/-(amd64|x86_64|x64|netinst|dvd|cd|disk\d*|live|generic|genericcloud)\b/g, '')
      .replace(/^[-.]+|[-.]+$/g, '')
      .slice(0, 40) || 'guest';
  return taken.some((name) => name.toLowerCase() === stem) ? freeName(taken, stem) : stem;
}

/** The name a machine has already, when it can be had here; else one after it. */
export const keptName = (name: string, taken: readonly string[]): string =>
  nameTrouble(name, taken) === null ? name : nameAfter(name, taken);

/** What a file suggests; the person changes what they like. */
export function suggested(
  source: SourceId,
  image: SourceImage,
  taken: readonly string[],
): Partial<CreateForm> {
  const base = image.path.split('/').at(-1) ?? '';
  const { ova, system } = image;
  const windows = /windows/i.test(system?.name ?? '');
  const modern = windows && /1[1-9]|20(22|25)/.test(`${system?.name} ${image.label}`);
  return {
    name: ova ? keptName(ova.name, taken) : nameAfter(base, taken),
    kind: system?.kind ?? (source === 'ova' ? 'full' : 'hybrid'),
    vcpus: ova?.vcpus ?? 2,
    memory: ova?.memory ?? system?.memory ?? 2048,
    diskSize: source === 'iso' ? (system?.disk ?? 20) : null,
    firmware: ova?.firmware ?? (modern ? 'secure-boot' : 'bios'),
    tpm: ova?.tpm ?? modern,
    mode: 'copy',
  };
}

/** The first free name of debian-1, debian-2…; names are compared without case. */
export function freeName(taken: readonly string[], stem = 'debian'): string {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  let number = 1;
  while (used.has(`${stem}-${number}`)) number++;
  return `${stem}-${number}`;
}

/** What is wrong with a name, as a sentence; null when nothing is. */
export function nameTrouble(name: string, taken: readonly string[]): string | null {
  const problem = nameProblem(name);
  if (problem) return problem;
  return taken.some((other) => other.toLowerCase() === name.toLowerCase())
    ? 'Another guest has this name.'
    : null;
}

/** The call's input, or what is wrong with each field. `taken`: names in use. */
export function checkForm(
  form: CreateForm,
  taken: readonly string[],
  from: CreateSpec['from'] | null = { kind: 'starter', id: 'debian-12' },
):
  | { readonly spec: CreateSpec; readonly problems: null }
  | { readonly spec: null; readonly problems: Problems } {
  const lines = form.keys
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const parsed = createSpec.safeParse({
    name: form.name,
    from,
    vcpus: form.vcpus,
    memory: form.memory,
    diskSize: form.diskSize,
    kind: form.kind,
    tpm: form.tpm,
    user: from?.kind === 'starter' || from?.kind === 'cloud' ? null : form.user.trim() || null,
    authorizedKeys: from?.kind === 'starter' || from?.kind === 'cloud' ? lines : [],
    start: form.start,
  });
  const problems: Problems = {};
  for (const issue of parsed.error?.issues ?? []) {
    const field = issue.path[0];
    if (field === 'name') problems.name ??= issue.message;
    if (field === 'vcpus') problems.vcpus = 'From 1 to 256.';
    if (field === 'memory') problems.memory = 'At least 64 MiB.';
    if (field === 'diskSize') problems.diskSize = 'From 1 to 65536 GiB.';
    if (field === 'user') problems.user ??= issue.message;
    if (field === 'authorizedKeys') problems.keys = 'At most 50 keys.';
  }
  problems.name ??= nameTrouble(form.name, taken) ?? undefined;
  if (problems.name === undefined) delete problems.name;
  if (lines.some((line) => line.includes('PRIVATE KEY')))
    problems.keys = 'This is a private key. Paste the public one, the file that ends in .pub.';
  else if (lines.some((line) => !keyLine.test(line)))
    problems.keys = 'A public key is one line that begins with its kind, such as “ssh-ed25519 AAAA…”.';
  return parsed.success && Object.keys(problems).length === 0
    ? { spec: parsed.data, problems: null }
    : { spec: null, problems };
}
