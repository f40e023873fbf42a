import { splitWords } from '../../../shared/model/command-line.ts';
import { type HostFacts, noLimits } from '../../../shared/model/container.ts';
import {
  type ContainerSpec,
  containerNameProblem,
  containerSpec,
  imageNameProblem,
  type restartPolicies,
} from '../../../shared/model/container-spec.ts';
import { formOf, type LimitsForm, limitsOf } from './limits-form.ts';

export type SourceKind = 'busybox' | 'debian' | 'local' | 'pull' | 'tar';
export type Restart = (typeof restartPolicies)[number];

/** The wizard as one fills it in. */
export interface NewForm {
  readonly host: string;
  readonly kind: SourceKind;
  readonly name: string;
  readonly image: string;
  readonly path: string;
  /** Debian packages, parted by blanks. */
  readonly packages: string;
  readonly command: string;
  readonly env: string;
  readonly ports: readonly { readonly hostPort: number; readonly port: number; readonly everyone: boolean }[];
  readonly volumes: readonly {
    /** A volume of podman's own, by name, and no folder. */
    readonly named: boolean;
    readonly source: string;
    readonly target: string;
    readonly readOnly: boolean;
  }[];
  readonly restart: Restart;
  readonly network: boolean;
  /** A resource group's id; empty: none. */
  readonly group: string;
  readonly limits: LimitsForm;
}

export function emptyForm(host: string, facts: HostFacts | null, names: readonly string[]): NewForm {
  let number = 1;
  while (names.includes(`app-${number}`)) number++;
  return {
    host,
    kind: 'busybox',
    name: `app-${number}`,
    image: '',
    path: '',
    packages: '',
    command: '',
    env: '',
    ports: [],
    volumes: [],
    restart: 'no',
    network: true,
    group: '',
    limits: formOf(noLimits, facts),
  };
}

/** The image's name a tar gets: its file's, in the letters podman takes. */
export function imageOfFile(path: string): string {
  const base = path.split('/').at(-1) ?? '';
  const plain = base
    .replace(/\.(tar|tgz|txz|tar\.\w+)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return `localhost/${plain || 'root'}:1`;
}

function sourceOf(form: NewForm): ContainerSpec['source'] {
  if (form.kind === 'busybox') return { kind: 'busybox' };
  if (form.kind === 'debian')
    return { kind: 'debian', packages: form.packages.split(/[\s,]+/).filter(Boolean) };
  if (form.kind === 'tar') return { kind: 'tar', path: form.path, image: imageOfFile(form.path) };
  return { kind: form.kind, image: form.image.trim() };
}

/** What `containers.create` takes, or what is wrong, by field. */
export function checkNew(
  form: NewForm,
  facts: HostFacts | null,
  taken: readonly string[],
): { spec: ContainerSpec | null; problems: Readonly<Record<string, string>> } {
  const problems: Record<string, string> = {};
  const name = containerNameProblem(form.name);
  if (name) problems.name = name;
  else if (taken.includes(form.name)) problems.name = 'There is one of this name.';
  if (form.kind === 'pull' || form.kind === 'local') {
    const image = imageNameProblem(form.image.trim());
    if (image) problems.image = image;
  }
  if (form.kind === 'tar' && !form.path.startsWith('/')) problems.path = 'Choose a file.';
  const { words, problem } = splitWords(form.command);
  if (problem) problems.command = problem;
  const limits = limitsOf(form.limits, noLimits, facts);
  for (const [key, text] of Object.entries(limits.problems)) problems[`limits.${key}`] = text;
  const env = form.env
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const at = line.indexOf('=');
      if (at < 0) problems.env ??= 'Each line is NAME=value.';
      return { name: line.slice(0, Math.max(0, at)).trim(), value: line.slice(at + 1) };
    });
  // A shell needs someone at its input, or it ends at once.
  const shell = words.length === 0 || (words.length === 1 && /^(\/bin\/)?(sh|bash|ash)$/.test(words[0]!));
  const spec: ContainerSpec = {
    host: form.host,
    name: form.name,
    source: sourceOf(form),
    command: words,
    env,
    ports: form.ports.map(({ hostPort, port, everyone }) => ({
      address: everyone ? '' : '127.0.0.1',
      hostPort: Number.isNaN(hostPort) ? 0 : hostPort,
      port,
    })),
    volumes: form.volumes.map(({ named: _, ...volume }) => volume),
    restart: form.restart,
    group: form.group || null,
    network: form.network,
    interactive: shell,
    limits: limits.limits ? { ...limits.limits, disk: [...limits.limits.disk] } : undefined,
  };
  for (const { path, message } of containerSpec.safeParse(spec).error?.issues ?? []) {
    const key = String(path[0]);
    if (key === 'source')
      problems[form.kind === 'debian' ? 'packages' : form.kind === 'tar' ? 'path' : 'image'] ??= message;
    else if (key !== 'limits') problems[key] ??= message;
  }
  return { spec: Object.keys(problems).length ? null : spec, problems };
}
