import type { Domain } from './domain.ts';
import { domainProps } from './properties/domain.ts';
import type { Property } from './properties/types.ts';
import { canRun, runnable } from './supported.ts';

/** What the QEMU of this computer offers, by the names its command line takes, aliases among them. */
export interface Offered {
  readonly machines: readonly string[];
  readonly cpus: readonly string[];
}

/** A name in a domain that this computer's QEMU does not know: it would not start the guest. */
export interface Missing {
  readonly property: Property<string>;
  readonly what: 'machine type' | 'processor model';
  readonly name: string;
  /** The name it knows that is most like it. */
  readonly nearest: string | null;
}

/** Nothing for other architectures' machines, which cannot be run anyway. */
export function missingIn(domain: Domain, { machines, cpus }: Offered): Missing[] {
  if (!canRun(runnable.arches, domain.get(domainProps.arch) ?? 'x86_64')) return [];
  const found: Missing[] = [];
  const name = domain.get(domainProps.machine);
  if (name !== null && !machines.includes(name))
    found.push({
      property: domainProps.machine,
      what: 'machine type',
      name,
      nearest: nearestMachine(name, machines),
    });
  const model = domain.get(domainProps.cpuModel);
  const counts = ['custom', null].includes(domain.get(domainProps.cpuMode));
  if (model !== null && counts && !cpus.includes(model))
    found.push({
      property: domainProps.cpuModel,
      what: 'processor model',
      name: model,
      nearest: nearestCpu(model, cpus),
    });
  return found;
}

/**
 * The machine type among `machines` that is most like one that is missing: of the same chip set, and of its version or
 * the last one before it. A name that a distribution made (`pc-q35-jammy`, `pc-q35-rhel9.4.0`) tells no version of QEMU:
 * the newest is taken.
 * @returns null when there is none of its chip set
 */
export function nearestMachine(wanted: string, machines: readonly string[]): string | null {
  const micro = /^microvm(-|$)/.test(wanted);
  const chipset = /q35/.test(wanted) ? 'q35' : /^pc(-|$)/.test(wanted) ? 'i440fx' : null;
  if (chipset === null) return micro && machines.includes('microvm') ? 'microvm' : null;
  const versioned = machines
    .flatMap((name) => {
      const version = new RegExp(`^pc-${chipset}-(\\d[\\d.]*)$`).exec(name)?.[1];
      return version === undefined ? [] : [{ name, version }];
    })
    .sort((a, b) => compare(a.version, b.version));
  // Before 1.3, i440FX machines were called pc-1.0.
  const version = /^pc-(?:q35-|i440fx-)?(\d[\d.]*)$/.exec(wanted)?.[1];
  const nearest =
    version === undefined
      ? versioned.at(-1)
      : (versioned.filter((one) => compare(one.version, version) <= 0).at(-1) ?? versioned[0]);
  const alias = chipset === 'q35' ? 'q35' : 'pc';
  return nearest?.name ?? (machines.includes(alias) ? alias : null);
}

/** The processor model that a missing one is a variant of: `Skylake-Client` for `Skylake-Client-v9`; null for none. */
export function nearestCpu(wanted: string, cpus: readonly string[]): string | null {
  for (let name = wanted; name.includes('-'); ) {
    name = name.slice(0, name.lastIndexOf('-'));
    if (cpus.includes(name)) return name;
  }
  return null;
}

function compare(a: string, b: string): number {
  const [x, y] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(x.length, y.length); i++)
    if ((x[i] ?? 0) !== (y[i] ?? 0)) return (x[i] ?? 0) - (y[i] ?? 0);
  return 0;
}
