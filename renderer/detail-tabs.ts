import { type DetailTab, guestTabs } from './features/guests/detail-tabs.tsx';
import { IdentityTab } from './features/identity/IdentityTab.tsx';

const identity: DetailTab = {
  id: 'identity',
  title: 'Identity',
  component: IdentityTab,
  shows: (guest) => guest.state !== 'broken',
};

/** The tabs of a guest's details, in order. Features know not each other: a later one adds its tab here. */
export const detailTabs: readonly DetailTab[] = guestTabs.flatMap((tab) =>
  tab.id === 'hardware' ? [tab, identity] : [tab],
);
