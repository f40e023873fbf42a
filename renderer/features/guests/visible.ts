import { type Guest, type GuestState, guestStateWords } from '../../../shared/model/guest.ts';
import type { SortKey } from '../../stores/ui.ts';

export interface View {
  readonly filter: string;
  readonly stateFilter: ReadonlySet<GuestState>;
  readonly tagFilter: ReadonlySet<string>;
  readonly sort: { readonly key: SortKey; readonly descending: boolean };
  /** Host CPU of the last sample, 1 = one core; undefined when there is none. */
  readonly cpuOf: (id: string) => number | undefined;
  /** Bytes resident; undefined when there is none. */
  readonly memoryOf: (id: string) => number | undefined;
}

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/**
 * The address to show: where this computer reaches it. Behind the user network every guest has the same address of its
 * own, so a forwarded SSH port says more.
 */
export function addressOf(guest: Guest): string | null {
  return guest.ssh ? `${guest.ssh.address}:${guest.ssh.port}` : (guest.addresses[0] ?? null);
}

function matches(guest: Guest, words: readonly string[]): boolean {
  const text = [
    guest.name,
    guestStateWords[guest.state].word,
    ...guest.addresses,
    ...guest.tags,
    guest.description,
  ]
    .join('\n')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

/** What the list shows, in order. Every word of the filter must be found; ties are broken by name. */
export function visibleGuests(guests: readonly Guest[], view: View): Guest[] {
  const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = guests.filter(
    (guest) =>
      matches(guest, words) &&
      (view.stateFilter.size === 0 || view.stateFilter.has(guest.state)) &&
      (view.tagFilter.size === 0 || guest.tags.some((tag) => view.tagFilter.has(tag))),
  );
  const sign = view.sort.descending ? -1 : 1;
  return shown.sort(
    (a, b) => sign * compare(a, b, view) || names.compare(a.name, b.name) || (a.id < b.id ? -1 : 1),
  );
}

function compare(a: Guest, b: Guest, view: View): number {
  switch (view.sort.key) {
    case 'name':
      return names.compare(a.name, b.name);
    case 'state':
      return names.compare(guestStateWords[a.state].word, guestStateWords[b.state].word);
    case 'cpu':
      return (view.cpuOf(a.id) ?? -1) - (view.cpuOf(b.id) ?? -1);
    case 'memory':
      return (view.memoryOf(a.id) ?? -1) - (view.memoryOf(b.id) ?? -1);
    case 'address':
      return names.compare(addressOf(a) ?? '\uffff', addressOf(b) ?? '\uffff');
  }
}
