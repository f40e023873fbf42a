import { Cpu, Fingerprint, KeyRound, Monitor, Server, SquareTerminal, Stamp } from 'lucide-react';
import type { ComponentType } from 'react';
import { detailTabs } from './detail-tabs.ts';
import { ConsolesPage } from './features/consoles/ConsolesPage.tsx';
import { FirstRun } from './features/first-run/FirstRun.tsx';
import { GuestsPage } from './features/guests/GuestsPage.tsx';
import { HostPage } from './features/host/HostPage.tsx';
import { IdentityPage } from './features/identity/IdentityPage.tsx';
import { KeysPage } from './features/keys/KeysPage.tsx';
import { ServersPage } from './features/servers/ServersPage.tsx';
import { TemplatesPage } from './features/templates/TemplatesPage.tsx';
import { useGuests } from './stores/guests.ts';
import { useHost } from './stores/host.ts';
import { countProblems, useIdentity } from './stores/identity.ts';
import { allProblems, useKeys } from './stores/keys.ts';
import { useServers } from './stores/servers.ts';
import { useTemplates } from './stores/templates.ts';
import { useTerminals } from './stores/terminals.ts';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly icon: ComponentType<{ size: number; 'aria-hidden'?: boolean }>;
  readonly component: ComponentType;
  /** A hook: what stands at the right of its name, or null. `bad`: something there wants attention. */
  readonly useCount: () => { readonly text: string; readonly bad?: boolean } | null;
}

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
    useCount: () => number(useTerminals((state) => state.all.length)),
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
