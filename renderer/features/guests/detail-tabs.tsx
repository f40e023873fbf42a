import type { ComponentType } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { OverviewTab } from './OverviewTab.tsx';
import { LogTab } from './TextTabs.tsx';
import { XmlTab } from './XmlTab.tsx';

export interface DetailTab {
  readonly id: string;
  readonly title: string;
  readonly component: ComponentType<{ guest: Guest }>;
  /** Whether it says anything about this guest; always when absent. */
  readonly shows?: (guest: Guest) => boolean;
}

/** The tabs this feature has; those of others join them in renderer/detail-tabs.ts. */
export const guestTabs: readonly DetailTab[] = [
  { id: 'overview', title: 'Overview', component: OverviewTab },
  { id: 'xml', title: 'XML', component: XmlTab },
  { id: 'log', title: 'Log', component: LogTab },
];
