import type { WireError } from '../../../shared/errors.ts';
import { type CloneSpec, cloneSpec } from '../../../shared/ipc/templates.ts';
import { type IdentityPart, identityPartIds } from '../../../shared/model/identity.ts';
import { expandNames } from '../../../shared/model/name-pattern.ts';
import type { ClonePlan } from '../../../shared/model/template.ts';
import type { SeedDraft } from '../../stores/seed.ts';

/** What the wizard holds; Back keeps it. */
export interface CloneForm {
  /** A template's or guest's id. */
  readonly source: string | null;
  readonly pattern: string;
  readonly linked: boolean;
  /** Null keeps the source's. */
  readonly vcpus: number | null;
  /** MiB; null keeps the source's. */
  readonly memory: number | null;
  /** GiB; null keeps the source's. */
  readonly diskSize: number | null;
  readonly loginUser: string;
  /** Ids of keys of this computer. */
  readonly keyIds: ReadonlySet<string>;
  /** Lines as in authorized_keys. */
  readonly pasted: string;
  /** Separated by commas. */
  readonly tags: string;
  readonly parts: ReadonlySet<IdentityPart>;
  readonly rsa: boolean;
  /** Null: no cloud-init seed. */
  readonly seed: SeedDraft | null;
}

/** What is cloned, as far as the form must know it. */
export interface CloneSource {
  readonly kind: 'template' | 'guest';
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  /** MiB */
  readonly memory: number;
  /** Bytes of its first disk; null when unknown. */
  readonly diskBytes: number | null;
  readonly loginUser: string | null;
  /** False for a guest that must be shut down first. */
  readonly ready: boolean;
}

/** Where the last page's plan stands. */
export type Planned =
  | { readonly status: 'none' }
  | { readonly status: 'planning' }
  | { readonly status: 'failed'; readonly error: WireError }
  /** `for`: the choices it was made of, as text. Others need another plan. */
  | { readonly status: 'ready'; readonly plan: ClonePlan; readonly for: string };

export type Problems = Partial<
  Record<'vcpus' | 'memory' | 'diskSize' | 'loginUser' | 'pasted' | 'tags', string>
>;

const keyLine = /^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) [A-Za-z0-9+/]+=*( .*)?$/;

/** The names a pattern gives, or what is wrong with it. `taken`: names in use, compared without case. */
export function checkNames(
  pattern: string,
  taken: readonly string[],
): { readonly names: readonly string[]; readonly problem: string | null } {
  const expanded = expandNames(pattern);
  if ('problem' in expanded) return { names: [], problem: expanded.problem };
  const used = new Set(taken.map((name) => name.toLowerCase()));
  const clash = expanded.names.filter((name) => used.has(name.toLowerCase()));
  const [first] = clash;
  if (first === undefined) return { names: expanded.names, problem: null };
  return {
    names: expanded.names,
    problem:
      clash.length === 1
        ? `There is a guest or template named ${first}.`
        : `${clash.length} of these names are taken: ${clash.slice(0, 3).join(', ')}${clash.length > 3 ? '…' : '.'}`,
  };
}

/** "web-01, web-02, web-03 … web-20" */
export function shownNames(names: readonly string[], most = 6): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most - 1).join(', ')} … ${names.at(-1)}`;
}

/** The first free name of stem-1, stem-2…; a number at the stem's end goes on counting. */
export function firstPattern(source: string, taken: readonly string[]): string {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  const stem = source.replace(/-?\d+$/, '') || source;
  let number = 1;
  while (used.has(`${stem}-${number}`.toLowerCase())) number++;
  return `${stem}-${number}`;
}

/** Lines of pasted public keys. */
export const keyLines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

export const tagsOf = (text: string) =>
  [...new Set(text.split(',').map((tag) => tag.trim()))].filter(Boolean);

/** What is wrong on the second page, by field; empty when nothing is. */
export function checkForm(form: CloneForm, source: CloneSource): Problems {
  const problems: Problems = {};
  const user = form.loginUser.trim();
  if (user !== '' && !/^[a-z_][a-z0-9_-]{0,31}$/.test(user))
    problems.loginUser = 'A Linux user name: small letters, digits, - and _.';
  if (form.vcpus !== null && !(form.vcpus >= 1 && form.vcpus <= 256)) problems.vcpus = 'From 1 to 256.';
  if (form.memory !== null && !(form.memory >= 64)) problems.memory = 'At least 64 MiB.';
  if (form.diskSize !== null && source.diskBytes !== null && form.diskSize * 2 ** 30 < source.diskBytes)
    problems.diskSize = `A disk can only grow: the source has ${(source.diskBytes / 2 ** 30).toFixed(1).replace(/\.0$/, '')} GiB.`;
  const lines = keyLines(form.pasted);
  if (lines.some((line) => line.includes('PRIVATE KEY')))
    problems.pasted = 'This is a private key. Paste the public one, the file that ends in .pub.';
  else if (lines.some((line) => !keyLine.test(line)))
    problems.pasted = 'A public key is one line that begins with its kind, such as “ssh-ed25519 AAAA…”.';
  const tags = tagsOf(form.tags);
  if (tags.some((tag) => tag.length > 40)) problems.tags = 'A tag can have at most 40 characters.';
  else if (tags.length > 20) problems.tags = 'At most 20 tags.';
  return problems;
}

/** The call's input. `publicKeys`: the lines of the chosen keys of this computer. */
export function specOf(
  form: CloneForm,
  source: CloneSource,
  names: readonly string[],
  publicKeys: readonly string[],
): CloneSpec {
  return cloneSpec.parse({
    source: source.id,
    names,
    linked: form.linked,
    vcpus: form.vcpus === source.vcpus ? null : form.vcpus,
    memory: form.memory === source.memory ? null : form.memory,
    diskSize: form.diskSize,
    loginUser: form.loginUser.trim() || null,
    authorizedKeys: [...new Set([...publicKeys.map((line) => line.trim()), ...keyLines(form.pasted)])],
    parts: identityPartIds.filter((part) => form.parts.has(part)),
    hostKeyTypes: form.rsa ? ['ed25519', 'ecdsa', 'rsa'] : ['ed25519', 'ecdsa'],
    tags: tagsOf(form.tags),
    seed: form.seed === null ? null : { userData: form.seed.text },
    // The window starts them itself, one by one, so that one that does not start can be told.
    start: false,
  });
}

/** A batch as text, to paste elsewhere. */
export function reportText(
  plan: {
    readonly source: { readonly name: string };
    readonly items: readonly {
      readonly name: string;
      readonly sshPort: number | null;
      readonly identity: {
        readonly hostname: string | null;
        readonly machineId: string | null;
        readonly uuid: string | null;
        readonly macs: readonly string[];
        readonly hostKeys: readonly { readonly type: string; readonly fingerprint: string }[];
      };
    }[];
  },
  statusOf: (name: string) => string,
): string {
  const lines = [`Clones of ${plan.source.name}`];
  for (const { name, identity, sshPort } of plan.items) {
    lines.push('', `${name}: ${statusOf(name)}`);
    if (identity.hostname) lines.push(`  hostname    ${identity.hostname}`);
    if (identity.machineId) lines.push(`  machine-id  ${identity.machineId}`);
    if (identity.uuid) lines.push(`  UUID        ${identity.uuid}`);
    for (const mac of identity.macs) lines.push(`  MAC         ${mac}`);
    for (const key of identity.hostKeys) lines.push(`  host key    ${key.fingerprint} (${key.type})`);
    if (sshPort !== null) lines.push(`  SSH         127.0.0.1:${sshPort}`);
  }
  return `${lines.join('\n')}\n`;
}
