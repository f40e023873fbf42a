import { type DetailTab, guestTabs } from './features/guests/detail-tabs.tsx';
import { later } from './ui/later.ts';

const hardware: DetailTab = {
  id: 'hardware',
  title: 'Hardware',
  component: later(async () => (await import('./features/hardware/HardwareTab.tsx')).HardwareTab),
  shows: (guest) => guest.state !== 'broken',
};

const snapshots: DetailTab = {
  id: 'snapshots',
  title: 'Snapshots',
  component: later(async () => (await import('./features/snapshots/SnapshotsTab.tsx')).SnapshotsTab),
  shows: (guest) => guest.state !== 'broken',
};

const identity: DetailTab = {
  id: 'identity',
  title: 'Identity',
  component: later(async () => (await import('./features/identity/IdentityTab.tsx')).IdentityTab),
  shows: (guest) => guest.state !== 'broken',
};

/** The tabs of a guest's details, in order. Features know not each other: a later one adds its tab here. */
export const detailTabs: readonly DetailTab[] = guestTabs.flatMap((tab) =>
  tab.id === 'overview' ? [tab, hardware, snapshots, identity] : [tab],
);
