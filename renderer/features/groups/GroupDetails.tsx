import { Ellipsis, Plus } from 'lucide-react';
import { useEffect } from 'react';
import {
  type Group,
  type GroupHit,
  type GroupMember,
  type GroupUse,
  hitWords,
  limitWords,
} from '../../../shared/model/group.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { groupDone, useGroupHistory, useGroupHosts } from '../../stores/groups.ts';
import { hostNameOf } from '../../stores/servers.ts';
import { useUi } from '../../stores/ui.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, cores, moment } from '../../ui/format.ts';
import { MenuButton, type MenuEntry } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Dot } from '../../ui/parts.tsx';
import { memberRowTestId, testIds } from '../../ui/testids.ts';
import { UseGraph } from '../../ui/UseGraph.tsx';
import css from './groups.module.css';

export function GroupDetails({ group }: { group: Group }) {
  const { open } = useUi.getState();
  const { id } = group;
  return (
    <>
      <div className={panes.actions}>
        <MenuButton
          label={`Add to ${group.name}`}
          button={
            <Button look="primary" data-testid={testIds.groupAdd}>
              <Plus size={16} aria-hidden="true" />
              Add
            </Button>
          }
          entries={[
            {
              id: 'application',
              label: 'Start an application…',
              testId: 'group-add-application',
              run: () => open({ kind: 'group-start', id }),
            },
            {
              id: 'guest',
              label: 'Guest…',
              testId: 'group-add-guest',
              disabled: group.host !== null,
              run: () => open({ kind: 'group-guest', id }),
            },
            {
              id: 'process',
              label: 'Running process…',
              testId: 'group-add-process',
              run: () => open({ kind: 'group-process', id }),
            },
            {
              id: 'inner',
              label: 'Group within it…',
              apart: true,
              disabled: group.parent !== null,
              run: () => open({ kind: 'group', parent: id }),
            },
          ]}
        />
        <Button onPress={() => open({ kind: 'group-limits', id })} data-testid={testIds.groupLimits}>
          Limits…
        </Button>
        <MenuButton
          label={`More actions for ${group.name}`}
          button={
            <Button aria-label="More actions">
              <Ellipsis size={16} aria-hidden="true" />
            </Button>
          }
          entries={[
            { id: 'rename', label: 'Rename…', run: () => open({ kind: 'group-rename', id }) },
            {
              id: 'remove',
              label: 'Remove…',
              dangerous: true,
              apart: true,
              testId: 'group-remove',
              run: () => open({ kind: 'group-remove', id }),
            },
          ]}
        />
      </div>
      <div className={panes.panel}>
        {group.state === 'unknown' && group.host !== null && <Away group={group} host={group.host} />}
        {group.state === 'failed' && group.problem && (
          <ErrorNote error={group.problem} write={writeClipboard} />
        )}
        {group.notHeld.map((one) => (
          <p key={one.limit} className={panes.note}>
            <b>{limitWords[one.limit]}</b>
            {one.how === 'partly' ? ' is held in part. ' : ' is not held. '}
            {[one.why, one.todo].filter(Boolean).join(' ')}
          </p>
        ))}
        <Graphs group={group} />
        <Members group={group} />
        <Hits hits={group.hits} />
        <Abilities host={group.host} />
      </div>
    </>
  );
}

function Away({ group, host }: { group: Group; host: string }) {
  const loading = useGroupHosts((state) => state.byHost[host]?.loading ?? false);
  return (
    <div className={panes.note}>
      <p>
        {group.problem
          ? [group.problem.message, group.problem.why].filter(Boolean).join(' ')
          : `${hostNameOf(host)} was not looked at yet.`}
      </p>
      <Button
        size="small"
        isDisabled={loading}
        onPress={() => void useGroupHosts.getState().fetch(host, 'log in')}
      >
        {loading ? 'Looking…' : `Look at ${hostNameOf(host)}`}
      </Button>
    </div>
  );
}

const rate = (value: number | null | undefined) => (value == null ? '–' : `${bytes(value)}/s`);

function Graphs({ group }: { group: Group }) {
  const history = useGroupHistory(group.id);
  const last: GroupUse | undefined = history.at(-1);
  const times = history.map(({ at }) => at);
  const { limits } = group;
  const held = last?.throttled ?? 0;
  const { pressure } = last ?? { pressure: { cpu: null, memory: null, io: null } };
  const waits = (['cpu', 'memory', 'io'] as const).flatMap((kind) => {
    const found = pressure[kind];
    return found
      ? [`${pressureWords[kind]} ${found.some.toFixed(found.some > 0 && found.some < 10 ? 1 : 0)}%`]
      : [];
  });
  return (
    <div className={css.graphs}>
      <UseGraph
        title="Processor"
        testId="group-graph-cpu"
        value={last?.cpu == null ? '–' : cores(last.cpu)}
        limit={limits.cpus === null ? null : { words: `of ${cores(limits.cpus)}`, value: limits.cpus }}
        note={held > 0.005 ? `held back ${Math.round(held * 100)}% of the time` : null}
        times={times}
        values={history.map(({ cpu }) => cpu)}
        top={0.2}
      />
      <UseGraph
        title="Memory"
        testId="group-graph-memory"
        value={last?.memory == null ? '–' : bytes(last.memory)}
        limit={
          limits.memoryMax === null
            ? null
            : { words: `of ${bytes(limits.memoryMax)}`, value: limits.memoryMax }
        }
        times={times}
        values={history.map(({ memory }) => memory)}
        top={16 * 2 ** 20}
      />
      <dl className={panes.facts}>
        <dt>Disk</dt>
        <dd>{`${rate(last?.readBytes)} read, ${rate(last?.writeBytes)} written`}</dd>
        {limits.io.map((one) => (
          <IoLimitFact key={one.device} {...one} />
        ))}
        <dt>Tasks</dt>
        <dd>
          {last?.tasks ?? '–'}
          {limits.tasksMax !== null && <span className="muted">{` of ${limits.tasksMax}`}</span>}
        </dd>
        {limits.memoryHigh !== null && (
          <>
            <dt>Slowed down</dt>
            <dd>{`above ${bytes(limits.memoryHigh)}`}</dd>
          </>
        )}
        {(limits.swapMax !== null || (last?.swap ?? 0) > 0) && (
          <>
            <dt>Swap</dt>
            <dd>
              {last?.swap == null ? '–' : bytes(last.swap)}
              {limits.swapMax !== null && <span className="muted">{` of ${bytes(limits.swapMax)}`}</span>}
            </dd>
          </>
        )}
        {limits.cpuWeight !== null && (
          <>
            <dt>Share</dt>
            <dd>{`${limits.cpuWeight}, where everyone else has 100`}</dd>
          </>
        )}
        {waits.length > 0 && (
          <>
            <dt title="Part of the last ten seconds in which a member waited (PSI)">Waiting for</dt>
            <dd>{waits.join(', ')}</dd>
          </>
        )}
      </dl>
    </div>
  );
}

const pressureWords = { cpu: 'processor', memory: 'memory', io: 'disk' } as const;

function IoLimitFact({ device, readBytes, writeBytes, readOps, writeOps }: Group['limits']['io'][number]) {
  const parts = [
    readBytes !== null && `reads ${rate(readBytes)}`,
    writeBytes !== null && `writes ${rate(writeBytes)}`,
    readOps !== null && `${readOps} reads/s`,
    writeOps !== null && `${writeOps} writes/s`,
  ].filter(Boolean);
  return (
    <>
      <dt className="mono">{device}</dt>
      <dd>{`at most ${parts.join(', ')}`}</dd>
    </>
  );
}

const memberWords: Record<
  GroupMember['state'],
  { tone: 'running' | 'waiting' | 'failed' | 'off'; word: string }
> = {
  running: { tone: 'running', word: 'Running' },
  outside: { tone: 'failed', word: 'Outside' },
  ended: { tone: 'off', word: 'Ended' },
  off: { tone: 'off', word: 'Off' },
  unknown: { tone: 'off', word: 'Not known' },
};
const kindWords: Record<GroupMember['kind'], string> = {
  guest: 'Guest',
  container: 'Container',
  application: 'Application',
  process: 'Process',
};

function Members({ group }: { group: Group }) {
  const last = useGroupHistory(group.id).at(-1);
  return (
    <div>
      <h3>Members</h3>
      {group.members.length === 0 ? (
        <p className="muted">
          Nobody yet. Add a guest, start an application in it, or move a running process in.
        </p>
      ) : (
        <ul className={css.members} aria-label={`Members of ${group.name}`}>
          {group.members.map((member) => {
            const use = last?.members.find((one) => one.id === member.id);
            return (
              <li key={member.id} className={css.member} data-testid={memberRowTestId(member.name)}>
                <span className={css.memberName} title={titleOf(member)}>
                  {member.name}
                  <small className="muted">{kindWords[member.kind]}</small>
                </span>
                <Dot {...memberWords[member.state]} />
                <span className={css.number}>{use?.cpu == null ? '–' : cores(use.cpu)}</span>
                <span className={css.number}>{use?.memory == null ? '–' : bytes(use.memory)}</span>
                <MenuButton
                  label={`Actions for ${member.name}`}
                  button={
                    <IconButton
                      label={`Actions for ${member.name}`}
                      size="small"
                      icon={<Ellipsis size={16} />}
                    />
                  }
                  entries={memberActions(group, member)}
                />
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}

const titleOf = (member: GroupMember) =>
  member.kind === 'application'
    ? member.command.join(' ')
    : member.kind === 'process'
      ? `process ${member.pid}`
      : member.id;

function memberActions(group: Group, member: GroupMember): MenuEntry[] {
  const { id } = group;
  const ref = { id, member: member.id };
  const runs = member.state === 'running' || member.state === 'outside';
  const end = (force: boolean) => void groupDone(call('groups.endMember', { ...ref, force }));
  const out: MenuEntry = {
    id: 'out',
    label: runs ? 'Take out of the group' : 'Remove from the group',
    apart: true,
    run: () => void groupDone(call('groups.removeMember', ref)),
  };
  switch (member.kind) {
    case 'guest':
      return [
        {
          id: 'show',
          label: 'Show the guest',
          run: () => {
            useUi.getState().select([member.id], member.id);
            useUi.getState().go('guests');
          },
        },
        out,
      ];
    case 'container':
      return [{ id: 'show', label: 'Show containers', run: () => useUi.getState().go('containers') }];
    case 'application':
      return [
        {
          id: 'log',
          label: 'What it wrote…',
          run: () => useUi.getState().open({ kind: 'group-log', ...ref }),
        },
        {
          id: 'again',
          label: 'Start again',
          disabled: runs,
          run: () => void groupDone(call('groups.startAgain', ref)),
        },
        { id: 'end', label: 'Ask it to end', disabled: !runs, run: () => end(false) },
        { id: 'kill', label: 'End it by force', disabled: !runs, dangerous: true, run: () => end(true) },
        out,
      ];
    case 'process':
      return [
        { id: 'end', label: 'Ask it to end', disabled: !runs, run: () => end(false) },
        { id: 'kill', label: 'End it by force', disabled: !runs, dangerous: true, run: () => end(true) },
        out,
      ];
  }
}

function Hits({ hits }: { hits: readonly GroupHit[] }) {
  return (
    <div data-testid={testIds.groupHits}>
      <h3>Limits that were met</h3>
      {hits.length === 0 ? (
        <p className="muted">None since Guesthouse was started.</p>
      ) : (
        <ul className={css.hits}>
          {hits.map((hit) => (
            <li key={`${hit.kind} ${hit.first}`}>
              <span className="muted">{moment(hit.last)}</span>
              <span>
                {hitWords[hit.kind]}
                {hit.count > 1 && <span className="muted">{`, ${hit.count} times`}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** What the group's machine can hold, and how to get the rest. */
function Abilities({ host }: { host: string | null }) {
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
      <p className="muted">
        A guest has limits of its own beside its group’s: its disks, its processors and its memory, on its
        Hardware tab.
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
