import { useEffect } from 'react';
import { limitWords } from '../../../shared/model/group.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGroupHosts } from '../../stores/groups.ts';
import { hostNameOf } from '../../stores/servers.ts';
import { Disclosure } from '../../ui/Disclosure.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText } from '../../ui/parts.tsx';

/** What the group's machine can hold, and how to get the rest. */
export function GroupAbilities({ host }: { host: string | null }) {
  const looked = useGroupHosts((state) => state.byHost[host ?? '']);
  useEffect(() => void useGroupHosts.getState().fetch(host), [host]);
  const found = looked?.host;
  if (!found) return null;
  const name = host === null ? 'this computer' : hostNameOf(host);
  const short = found.abilities.filter(({ held }) => held !== 'yes');
  const full = found.abilities.filter(({ held }) => held === 'yes');
  return (
    <Disclosure title={`What ${name} can hold`}>
      <p>{found.summary}</p>
      {full.length > 0 && (
        <p>{`Held: ${full.map(({ limit }) => limitWords[limit].toLowerCase()).join(', ')}.`}</p>
      )}
      <dl className={panes.facts}>
        {short.map((one) => (
          <Ability key={one.limit} {...one} />
        ))}
      </dl>
      <GroupEnds host={host} />
      <p className="muted">
        A guest has limits of its own beside its group’s: its disks, the number of its processors and its
        memory, on its Hardware tab. A share of busy processors comes from a group alone.
      </p>
    </Disclosure>
  );
}

function Ability({
  limit,
  held,
  why,
  todo,
  command,
}: {
  limit: keyof typeof limitWords;
  held: 'yes' | 'partly' | 'no';
  why: string | null;
  todo: string | null;
  command: string | null;
}) {
  return (
    <>
      <dt>{limitWords[limit]}</dt>
      <dd>
        <b>{held === 'no' ? 'Not held. ' : 'In part. '}</b>
        {[why, todo].filter(Boolean).join(' ')}
        {command && <CopyText text={command} label="command" write={writeClipboard} wrap />}
      </dd>
    </>
  );
}

/** On machines where what runs in a group does not outlive the connection. */
export function GroupEnds({ host }: { host: string | null }) {
  const ends = useGroupHosts((state) => state.byHost[host ?? '']?.host?.ends ?? null);
  if (!ends) return null;
  return (
    <div className={panes.note}>
      <p>{`${ends.why} ${ends.todo}`}</p>
      <CopyText text={ends.command} label="command" write={writeClipboard} wrap />
    </div>
  );
}
