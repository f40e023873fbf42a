import {
  Boxes,
  Container,
  Cpu,
  Fingerprint,
  KeyRound,
  Monitor,
  Network,
  Server,
  SquareTerminal,
  Stamp,
} from 'lucide-react';
import type { ComponentType } from 'react';
import { detailTabs } from './detail-tabs.ts';
import { GuestsPage } from './features/guests/GuestsPage.tsx';
import { useConsoles } from './stores/consoles.ts';
import { useContainers } from './stores/containers.ts';
import { useGroups } from './stores/groups.ts';
import { useGuests } from './stores/guests.ts';
import { useHost } from './stores/host.ts';
import { countProblems, useIdentity } from './stores/identity.ts';
import { allProblems, useKeys } from './stores/keys.ts';
import { useNetworks } from './stores/networks.ts';
import { useServers } from './stores/servers.ts';
import { useTemplates } from './stores/templates.ts';
import { later } from './ui/later.ts';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly icon: ComponentType<{ size: number; 'aria-hidden'?: boolean }>;
  readonly component: ComponentType;
  /** A hook: what stands at the right of its name, or null. `bad`: something there wants attention. */
  readonly useCount: () => { readonly text: string; readonly bad?: boolean } | null;
}

// Each page's code comes when it is first shown; that of the guests is what the window starts with.
const ConsolesPage = later(async () => (await import('./features/consoles/ConsolesPage.tsx')).ConsolesPage);
const ContainersPage = later(
  async () => (await import('./features/containers/ContainersPage.tsx')).ContainersPage,
);
const FirstRun = later(async () => (await import('./features/first-run/FirstRun.tsx')).FirstRun);
const GroupsPage = later(async () => (await import('./features/groups/GroupsPage.tsx')).GroupsPage);
const HostPage = later(async () => (await import('./features/host/HostPage.tsx')).HostPage);
const IdentityPage = later(async () => (await import('./features/identity/IdentityPage.tsx')).IdentityPage);
const KeysPage = later(async () => (await import('./features/keys/KeysPage.tsx')).KeysPage);
const NetworksPage = later(async () => (await import('./features/networks/NetworksPage.tsx')).NetworksPage);
const ServersPage = later(async () => (await import('./features/servers/ServersPage.tsx')).ServersPage);
const TemplatesPage = later(
  async () => (await import('./features/templates/TemplatesPage.tsx')).TemplatesPage,
);

const number = (count: number) => (count === 0 ? null : { text: String(count) });

function Guests() {
  const empty = useGuests((state) => state.all.length === 0);
  return empty ? <FirstRun /> : <GuestsPage tabs={detailTabs} />;
}

/** The sidebar, in order. A later feature adds its entry here. */
export const sections: readonly Section[] = [
  {
    id: 'guests',
    title: 'Guests',
    icon: Monitor,
    component: Guests,
    useCount: () => number(useGuests((state) => state.all.length)),
  },
  {
    id: 'templates',
    title: 'Templates',
    icon: Stamp,
    component: TemplatesPage,
    useCount: () => number(useTemplates((state) => state.all.length)),
  },
  {
    id: 'consoles',
    title: 'Consoles',
    icon: SquareTerminal,
    component: ConsolesPage,
    useCount: () => number(useConsoles((state) => state.all.length)),
  },
  {
    id: 'identity',
    title: 'Identity',
    icon: Fingerprint,
    component: IdentityPage,
    useCount: () => {
      const bad = useIdentity((state) => countProblems(state.report));
      return bad === 0 ? null : { text: `!${bad}`, bad: true };
    },
  },
  {
    id: 'keys',
    title: 'Keys',
    icon: KeyRound,
    component: KeysPage,
    useCount: () => {
      const list = useKeys((state) => state.list);
      const bad = allProblems(list).filter((problem) => problem.severity === 'refused').length;
      return bad > 0 ? { text: `!${bad}`, bad: true } : number(list?.keys.length ?? 0);
    },
  },
  {
    id: 'servers',
    title: 'Servers',
    icon: Server,
    component: ServersPage,
    useCount: () => number(useServers((state) => state.all.length)),
  },
  {
    id: 'containers',
    title: 'Containers',
    icon: Container,
    component: ContainersPage,
    useCount: () => number(useContainers((state) => state.all.length)),
  },
  {
    id: 'groups',
    title: 'Groups',
    icon: Boxes,
    component: GroupsPage,
    useCount: () => {
      const bad = useGroups((state) => state.all.filter((group) => group.state === 'failed').length);
      const all = useGroups((state) => state.all.length);
      return bad > 0 ? { text: `!${bad}`, bad: true } : number(all);
    },
  },
  {
    id: 'networks',
    title: 'Networks',
    icon: Network,
    component: NetworksPage,
    useCount: () => {
      const bad = useNetworks((state) => state.all.filter(({ problem }) => problem !== null).length);
      const on = useNetworks((state) => state.all.filter(({ state: is }) => is === 'on').length);
      return bad > 0 ? { text: `!${bad}`, bad: true } : number(on);
    },
  },
  {
    id: 'host',
    title: 'Host',
    icon: Cpu,
    component: HostPage,
    useCount: () => {
      const bad = useHost(
        (state) => state.report?.verdicts.filter((verdict) => verdict.status === 'bad').length ?? 0,
      );
      return bad === 0 ? null : { text: `${bad} to mend`, bad: true };
    },
  },
];
