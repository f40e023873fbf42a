import {
  type HostFacts,
  type LimitKind,
  type LimitSupport,
  type Limits,
  noLimits,
} from '../../../shared/model/container.ts';
import { limitsSchema } from '../../../shared/model/container-spec.ts';

/** Limits as one types them: NaN is an empty field, which is no limit. */
export interface LimitsForm {
  /** MB */
  readonly memory: number;
  /** MB beside the memory. */
  readonly swap: number;
  readonly cpus: number;
  readonly cpuWeight: number;
  readonly cpuSet: string;
  readonly pids: number;
  readonly device: string;
  /** MB a second. */
  readonly readMb: number;
  readonly writeMb: number;
  readonly readIops: number;
  readonly writeIops: number;
  /** Mbit a second. */
  readonly netUp: number;
  readonly netDown: number;
}

const mb = 1048576;
const none = Number.NaN;
const set = (value: number) => !Number.isNaN(value);
const orNone = (value: number | null, scale = 1) => (value === null ? none : value / scale);

/** The form of these limits; the disk is the first one limited, or the host's first. */
export function formOf(limits: Limits, facts: HostFacts | null): LimitsForm {
  const device = limits.disk[0]?.device ?? facts?.devices[0]?.path ?? '';
  const disk = limits.disk.find((one) => one.device === device);
  return {
    memory: orNone(limits.memory, mb),
    swap: limits.memory === null ? 0 : orNone(limits.swap, mb),
    cpus: orNone(limits.cpus),
    cpuWeight: orNone(limits.cpuWeight),
    cpuSet: limits.cpuSet ?? '',
    pids: orNone(limits.pids),
    device,
    readMb: orNone(disk?.readBps ?? null, mb),
    writeMb: orNone(disk?.writeBps ?? null, mb),
    readIops: orNone(disk?.readIops ?? null),
    writeIops: orNone(disk?.writeIops ?? null),
    netUp: orNone(limits.netUp, 1e6),
    netDown: orNone(limits.netDown, 1e6),
  };
}

/**
 * The limits of a form, or what is wrong with it, by field. A limit the host cannot hold is left out: its field cannot
 * be filled in. Limits of further disks stay as they were.
 */
export function limitsOf(
  form: LimitsForm,
  before: Limits = noLimits,
  facts: HostFacts | null = null,
): { limits: Limits | null; problems: Readonly<Record<string, string>> } {
  const whole = (value: number, scale = 1) => (set(value) ? Math.round(value * scale) : null);
  const able = (kind: LimitKind) => supportOf(facts, kind)?.ok !== false;
  const rates = {
    readBps: whole(form.readMb, mb),
    writeBps: whole(form.writeMb, mb),
    readIops: whole(form.readIops),
    writeIops: whole(form.writeIops),
  };
  const others = before.disk.filter(({ device }) => device !== form.device);
  const limited = Object.values(rates).some((rate) => rate !== null);
  const memory = able('memory') ? whole(form.memory, mb) : null;
  const parsed = limitsSchema.safeParse({
    memory,
    swap: memory !== null && able('swap') ? whole(form.swap, mb) : null,
    cpus: able('cpus') && set(form.cpus) ? form.cpus : null,
    cpuWeight: able('cpuWeight') ? whole(form.cpuWeight) : null,
    cpuSet: able('cpuSet') && form.cpuSet.trim() !== '' ? form.cpuSet.replaceAll(' ', '') : null,
    pids: able('pids') ? whole(form.pids) : null,
    disk: able('disk') && limited && form.device ? [...others, { device: form.device, ...rates }] : others,
    netUp: able('netUp') ? whole(form.netUp, 1e6) : null,
    netDown: able('netDown') ? whole(form.netDown, 1e6) : null,
  });
  const problems: Record<string, string> = {};
  for (const { path, message } of parsed.error?.issues ?? []) problems[String(path[0])] ??= message;
  const most = facts?.cpus;
  if (most !== undefined && set(form.cpus) && form.cpus > most) problems.cpus = `The host has ${most}.`;
  return { limits: parsed.success && Object.keys(problems).length === 0 ? parsed.data : null, problems };
}

export function supportOf(facts: HostFacts | null, kind: LimitKind): LimitSupport | undefined {
  return facts?.limits.find((one) => one.kind === kind);
}

/** Reasons that hold for several limits are told once. */
export function refusals(
  facts: HostFacts | null,
): readonly { why: string; todo: string | null; kinds: LimitKind[] }[] {
  const found: { why: string; todo: string | null; kinds: LimitKind[] }[] = [];
  for (const { kind, ok, why, todo } of facts?.limits ?? []) {
    if (ok || why === null) continue;
    const same = found.find((one) => one.why === why);
    if (same) same.kinds.push(kind);
    else found.push({ why, todo, kinds: [kind] });
  }
  return found;
}
