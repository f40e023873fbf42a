import { Network, Plus } from 'lucide-react';
import { useState } from 'react';
import type { SharedNetwork } from '../../../shared/model/network.ts';
import { choose, useChosen } from '../../stores/chosen.ts';
import { useNetworks } from '../../stores/networks.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { counted } from '../../ui/format.ts';
import { ListTable } from '../../ui/ListTable.tsx';
import panes from '../../ui/panes.module.css';
import { Dot, Empty } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { networkRowTestId, testIds } from '../../ui/testids.ts';
import { NetworkDetails } from './NetworkDetails.tsx';
import css from './networks.module.css';

function stateWords(network: SharedNetwork): {
  tone: 'running' | 'waiting' | 'failed' | 'off';
  word: string;
} {
  switch (network.state) {
    case 'on':
      return network.problem ? { tone: 'waiting', word: 'On, in part' } : { tone: 'running', word: 'On' };
    case 'starting':
      return { tone: 'waiting', word: 'Starting' };
    case 'failed':
      return { tone: 'failed', word: 'Failed' };
    case 'off':
      return { tone: 'off', word: 'Off' };
  }
}

/** Networks that guests share: who is on them, at what address and name. */
export function NetworksPage() {
  const networks = useNetworks((state) => state.all);
  const detailsWidth = useUi((state) => state.detailsWidth);
  const chosen = useChosen((state) => state.networks);
  const [open, setOpen] = useState(false);
  const order = new Intl.Collator(undefined, { numeric: true });
  const shown = [...networks].sort((a, b) => order.compare(a.name, b.name));
  const network = shown.find((one) => one.name === chosen) ?? (shown.length === 1 ? shown[0] : undefined);
  const make = () => useUi.getState().open({ kind: 'network', name: null });
  const body = (
    <div className={panes.listPane} data-testid={testIds.networksPage}>
      <header className={panes.toolbar}>
        <h1>Shared networks</h1>
        {shown.length > 0 && (
          <Button size="small" look="primary" onPress={make} data-testid={testIds.newNetwork}>
            <Plus size={14} aria-hidden="true" />
            New network
          </Button>
        )}
      </header>
      {shown.length === 0 ? (
        <Empty
          title="No shared networks"
          icon={<Network size={24} aria-hidden="true" />}
          action={
            <Button look="primary" size="large" onPress={make} data-testid={testIds.newNetwork}>
              New network…
            </Button>
          }
        >
          Guests on a shared network reach each other by name. It needs no privileges on this computer.
        </Empty>
      ) : (
        <>
          <ListTable<SharedNetwork>
            label="Shared networks"
            items={shown}
            selected={network?.id ?? null}
            onSelect={(id) => choose('networks', id)}
            onShow={() => setOpen(true)}
            rowTestId={networkRowTestId}
            columns={[
              { id: 'name', title: 'Name', cell: (one) => one.name },
              { id: 'state', title: 'State', width: '104px', cell: (one) => <Dot {...stateWords(one)} /> },
              {
                id: 'subnet',
                title: 'Addresses',
                width: '130px',
                cell: (one) => <span className="mono">{one.subnet}</span>,
              },
              {
                id: 'out',
                title: 'Leads',
                width: '104px',
                cell: (one) => (one.wayOut ? 'out' : 'nowhere'),
              },
              {
                id: 'members',
                title: 'Guests',
                width: '70px',
                cell: (one) => new Set(one.members.map(({ guest }) => guest)).size || '–',
              },
            ]}
          />
          <p className={css.explain}>
            Guests on one network reach each other by name. A network is on while a guest on it runs, also
            when Guesthouse is closed. It needs no privileges, and nothing outside this computer sees it. For
            guests that must be seen by your own network, plug their card into a bridge (Hardware).
          </p>
        </>
      )}
    </div>
  );
  if (shown.length === 0) return body;
  return (
    <TwoPanes
      page="Shared networks"
      list={body}
      title={network?.name ?? null}
      mark={network && <Dot {...stateWords(network)} />}
      label={network ? `Details of ${network.name}` : 'Details'}
      details={
        network ? (
          <NetworkDetails key={network.name} network={network} />
        ) : (
          <Empty title="No network selected">{`Choose one of ${counted(shown.length, 'network')} in the list.`}</Empty>
        )
      }
      width={detailsWidth}
      onWidth={(width) => useUi.getState().set({ detailsWidth: width })}
      open={open}
      onOpen={setOpen}
      testId={testIds.networkDetails}
    />
  );
}
