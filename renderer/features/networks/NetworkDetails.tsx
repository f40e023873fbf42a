import { Ellipsis, Plus } from 'lucide-react';
import type { NetworkMember, SharedNetwork } from '../../../shared/model/network.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, moment } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Dot } from '../../ui/parts.tsx';
import { networkMemberTestId, testIds } from '../../ui/testids.ts';
import css from './networks.module.css';

export function NetworkDetails({ network }: { network: SharedNetwork }) {
  const { open } = useUi.getState();
  const { name } = network;
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const members = [...network.members].sort((a, b) => order.compare(a.guestName, b.guestName));
  const keepOn = (on: boolean) => void call('networks.edit', { name, keepOn: on }).catch(tellError);
  return (
    <>
      <div className={panes.actions}>
        <Button
          look="primary"
          onPress={() => open({ kind: 'network-plug', name })}
          data-testid={testIds.networkPlug}
        >
          <Plus size={16} aria-hidden="true" />
          Plug in a guest
        </Button>
        <Button onPress={() => open({ kind: 'network', name })}>Change…</Button>
        <MenuButton
          label={`More actions for ${name}`}
          button={
            <Button aria-label="More actions">
              <Ellipsis size={16} aria-hidden="true" />
            </Button>
          }
          entries={[
            network.keepOn
              ? { id: 'off', label: 'Off when no guest needs it', run: () => keepOn(false) }
              : { id: 'on', label: 'Keep on without guests', run: () => keepOn(true) },
            {
              id: 'delete',
              label: 'Delete…',
              dangerous: true,
              apart: true,
              testId: 'network-delete',
              run: () => open({ kind: 'network-delete', name }),
            },
          ]}
        />
      </div>
      <div className={panes.panel}>
        {network.problem && <ErrorNote error={network.problem} write={writeClipboard} />}
        <dl className={panes.facts}>
          <dt>Addresses</dt>
          <dd className="mono">{network.subnet}</dd>
          <dt>Domain</dt>
          <dd className="mono">{network.domain}</dd>
          <dt>Way out</dt>
          <dd>
            {network.wayOut
              ? 'as connections of your own, from this computer’s address'
              : 'none: guests reach each other alone'}
          </dd>
          <dt>This computer</dt>
          <dd>
            {network.reachHost ? (
              <>
                its own services are at <span className="mono">{network.gateway}</span>
              </>
            ) : (
              'its own services (on 127.0.0.1) are out of reach'
            )}
          </dd>
          <dt>Stays on</dt>
          <dd>{network.keepOn ? 'always' : 'while a guest on it runs'}</dd>
          {network.pid !== null && network.since !== null && (
            <>
              <dt>Process</dt>
              <dd>{`${network.pid}, since ${moment(network.since)}`}</dd>
            </>
          )}
        </dl>
        <section>
          <h3>Guests</h3>
          {members.length === 0 ? (
            <p className="muted">No guest has a card on it yet.</p>
          ) : (
            <div className={css.members}>
              {members.map((member) => (
                <Member key={member.mac} member={member} domain={network.domain} />
              ))}
            </div>
          )}
        </section>
        <p className="muted">
          Each card keeps its address, and no guest can take another’s address or name: what it sends as
          somebody else is dropped. IPv4 alone is carried.
        </p>
      </div>
    </>
  );
}

const linkWords = {
  off: { tone: 'off', word: 'Off' },
  waiting: { tone: 'waiting', word: 'Waiting' },
  'plugged-in': { tone: 'running', word: 'Plugged in' },
} as const;

function Member({ member, domain }: { member: NetworkMember; domain: string }) {
  const live = member.link !== 'off';
  const traffic = `${bytes(member.sent)} sent, ${bytes(member.received)} received`;
  const about = [
    live && (member.leasedAt === null ? 'did not ask for its address yet' : traffic),
    member.refused > 0 && `${member.refused} frames refused`,
    member.says !== null && member.says !== member.name && `calls itself ${member.says}`,
  ].filter(Boolean);
  return (
    <div className={css.member} data-testid={networkMemberTestId(member.guestName)}>
      <div className={css.who}>
        <span className={css.name} title={member.guestName}>
          {member.guestName}
        </span>
        <Dot {...linkWords[member.link]} />
      </div>
      <CopyText
        text={member.address || 'no address is left'}
        write={writeClipboard}
        label="Copy the address"
      />
      <CopyText text={`${member.name}.${domain}`} write={writeClipboard} label="Copy the name" />
      {about.length > 0 && <span className="muted">{about.join(' · ')}</span>}
    </div>
  );
}
