import { Ellipsis, Plus } from 'lucide-react';
import {
  type Group,
  type GroupHit,
  type GroupUse,
  hitWords,
  limitWords,
} from '../../../shared/model/group.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGroupHistory, useGroupHosts } from '../../stores/groups.ts';
import { hostNameOf } from '../../stores/servers.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, cores, moment } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import { UseGraph } from '../../ui/UseGraph.tsx';
import { GroupAbilities } from './GroupAbilities.tsx';
import { GroupMembers } from './GroupMembers.tsx';
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
          <p key={`${one.limit} ${one.why}`} className={panes.note}>
            <b>{limitWords[one.limit]}</b>
            {one.how === 'partly' ? ' is held in part. ' : ' is not held. '}
            {[one.why, one.todo].filter(Boolean).join(' ')}
          </p>
        ))}
        <Graphs group={group} />
        <GroupMembers group={group} />
        <Hits hits={group.hits} />
        <GroupAbilities host={group.host} />
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
