import { type CreateSpec, createSpec } from '../../../shared/ipc/guests.ts';

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
}

export type Problems = Partial<Record<'name' | 'vcpus' | 'memory' | 'diskSize' | 'keys', string>>;

const keyLine = /^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) [A-Za-z0-9+/]+=*( .*)?$/;

/** The first free name of debian-1, debian-2…; names are compared without case. */
export function freeName(taken: readonly string[], stem = 'debian'): string {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  let number = 1;
  while (used.has(`${stem}-${number}`)) number++;
  return `${stem}-${number}`;
}

/** The call's input, or what is wrong with each field. `taken`: names in use. */
export function checkForm(
  form: CreateForm,
  taken: readonly string[],
):
  | { readonly spec: CreateSpec; readonly problems: null }
  | { readonly spec: null; readonly problems: Problems } {
  const lines = form.keys
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const parsed = createSpec.safeParse({
    name: form.name,
    from: { kind: 'starter', id: 'debian-12' },
    vcpus: form.vcpus,
    memory: form.memory,
    diskSize: form.diskSize,
    kind: form.kind,
    authorizedKeys: lines,
    start: form.start,
  });
  const problems: Problems = {};
  for (const issue of parsed.error?.issues ?? []) {
    const field = issue.path[0];
    if (field === 'name') problems.name ??= issue.message;
    if (field === 'vcpus') problems.vcpus = 'From 1 to 256.';
    if (field === 'memory') problems.memory = 'At least 64 MiB.';
    if (field === 'diskSize') problems.diskSize = 'From 1 to 65536 GiB.';
    if (field === 'authorizedKeys') problems.keys = 'At most 50 keys.';
  }
  if (!problems.name && taken.some((name) => name.toLowerCase() === form.name.toLowerCase()))
    problems.name = 'Another guest has this name.';
  if (lines.some((line) => line.includes('PRIVATE KEY')))
    problems.keys = 'This is a private key. Paste the public one, the file that ends in .pub.';
  else if (lines.some((line) => !keyLine.test(line)))
    problems.keys = 'A public key is one line that begins with its kind, such as “ssh-ed25519 AAAA…”.';
  return parsed.success && Object.keys(problems).length === 0
    ? { spec: parsed.data, problems: null }
    : { spec: null, problems };
}
