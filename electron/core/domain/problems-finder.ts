import type { Domain } from './domain.ts';
import { type ListName, listSteps } from './properties/lists.ts';
import type { Property } from './properties/types.ts';

export interface DomainProblem {
  /** Where, as libvirt's documentation writes it: `devices/disk/source@file`. */
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** A clause for people, without a full stop. */
  readonly reason: string;
  /** `outside`: reaches beyond the library and is asked about before the first start; `unsupported`: has no effect. */
  readonly kind: 'unsupported' | 'outside';
  /** The file, address or device it reaches for; null for unsupported things. */
  readonly reaches: string | null;
}

/** With its offset in the text, by which problems are sorted. */
export type Found = DomainProblem & { readonly at: number };

/** Looks for problems of one kind, and adds them to those that others found. */
export abstract class Finder {
  constructor(
    protected readonly domain: Domain,
    readonly found: Found[],
  ) {}

  protected add(at: number, where: string, reason: string, reaches: string | null = null): void {
    const line = this.domain.lineAt(at);
    const kind = reaches === null ? 'unsupported' : 'outside';
    this.found.push({ at, path: where, line, reason, kind, reaches });
  }

  protected at(property: Property<unknown>, index: number): number {
    return this.domain.offset(property, index) ?? 0;
  }
}

/** As in {@link DomainProblem.path}. */
export function pathOf(property: Property<unknown>): string {
  const steps = [...(property.list === null ? [] : listSteps[property.list as ListName]), ...property.steps];
  const elements = steps.map((s) => (s.prefix ? `${s.prefix}:${s.local}` : s.local)).join('/');
  return property.place.kind === 'attribute' ? `${elements}@${property.place.name}` : elements;
}
