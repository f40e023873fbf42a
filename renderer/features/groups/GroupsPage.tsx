import { Boxes, Plus } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Group, GroupUse } from '../../../shared/model/group.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose, useChosen } from '../../stores/chosen.ts';
import { inTree, useGroupHosts, useGroups, useGroupUse } from '../../stores/groups.ts';
import { hostNameOf } from '../../stores/servers.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, cores, counted } from '../../ui/format.ts';
import { ListTable } from '../../ui/ListTable.tsx';
import panes from '../../ui/panes.module.css';
import { Dot, Empty, Progress } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { groupRowTestId, testIds } from '../../ui/testids.ts';
import { GroupDetails } from './GroupDetails.tsx';
import css from './groups.module.css';

/** What is the matter with a group, in a word. */
export function stateWords(group: Group): { tone: 'running' | 'waiting' | 'failed' | 'off'; word: string } {
  if (group.state === 'failed') return { tone: 'failed', word: 'Not held' };
  if (group.state === 'unknown') return { tone: 'off', word: 'Not reached' };
  if (group.members.some(({ state }) => state === 'outside'))
    return { tone: 'waiting', word: 'One is outside' };
  if (group.notHeld.length > 0) return { tone: 'waiting', word: 'Held in part' };
  return group.members.some(({ state }) => state === 'running')
    ? { tone: 'running', word: 'In use' }
    : { tone: 'off', word: 'Idle' };
}

/** Groups of what runs, and what each may use together. */
export function GroupsPage() {
  const groups = useGroups((state) => state.all);
  const detailsWidth = useUi((state) => state.detailsWidth);
  const here = useGroupHosts((state) => state.byHost['']);
  const chosen = useChosen((state) => state.groups);
  const [open, setOpen] = useState(false);
  useEffect(() => void useGroupHosts.getState().fetch(null), []);
  const shown = inTree(groups);
  const group = shown.find((one) => one.id === chosen) ?? (shown.length === 1 ? shown[0] : undefined);
  const far = shown.some(({ host }) => host !== null);
  const problem = here?.host?.problem ?? here?.error ?? null;
  const make = () => useUi.getState().open({ kind: 'group', parent: null });

  const body = (
    <div className={panes.listPane} data-testid={testIds.groupsPage}>
      <header className={panes.toolbar}>
        <h1>Resource groups</h1>
        {shown.length > 0 && (
          <Button size="small" look="primary" onPress={make} data-testid={testIds.newGroup}>
            <Plus size={14} aria-hidden="true" />
            New group
          </Button>
        )}
      </header>
      {shown.length === 0 ? (
        <Empty
          title="No groups"
          icon={<Boxes size={24} aria-hidden="true" />}
          action={
            <>
              <Button look="primary" size="large" onPress={make} data-testid={testIds.newGroup}>
                New group…
              </Button>
              {problem && (
                <div className={css.problem}>
                  <ErrorNote error={problem} write={writeClipboard} />
                  <p className="muted">Guests and servers reached by SSH can have groups nevertheless.</p>
                </div>
              )}
            </>
          }
        >
          A group holds guests, containers and programs to limits together: so much memory, processor time,
          disk and tasks for all of them. What one leaves, another may use.
        </Empty>
      ) : (
        <ListTable<Group>
          label="Resource groups"
          items={shown}
          selected={group?.id ?? null}
          onSelect={(id) => choose('groups', id)}
          onShow={() => setOpen(true)}
          rowTestId={groupRowTestId}
          columns={[
            {
              id: 'name',
              title: 'Name',
              cell: (one) => <span className={one.parent === null ? undefined : css.inner}>{one.name}</span>,
            },
            { id: 'state', title: 'State', width: '116px', cell: (one) => <Dot {...stateWords(one)} /> },
            ...(far
              ? [
                  {
                    id: 'host',
                    title: 'On',
                    width: '110px',
                    cell: (one: Group) => (one.host === null ? 'this computer' : hostNameOf(one.host)),
                  },
                ]
              : []),
            {
              id: 'cpu',
              title: 'Processor',
              width: '120px',
              cell: (one) => (
                <Use
                  id={one.id}
                  of={one.limits.cpus}
                  label={`Processor of ${one.name}`}
                  read={(use) => use.cpu}
                  words={cores}
                />
              ),
            },
            {
              id: 'memory',
              title: 'Memory',
              width: '150px',
              cell: (one) => (
                <Use
                  id={one.id}
                  of={one.limits.memoryMax}
                  label={`Memory of ${one.name}`}
                  read={(use) => use.memory}
                  words={bytes}
                />
              ),
            },
            {
              id: 'members',
              title: 'Members',
              width: '90px',
              cell: (one) => one.members.length || '–',
            },
          ]}
        />
      )}
    </div>
  );
  if (shown.length === 0) return body;
  return (
    <TwoPanes
      page="Resource groups"
      list={body}
      title={group?.name ?? null}
      mark={group && <Dot {...stateWords(group)} />}
      label={group ? `Details of ${group.name}` : 'Details'}
      details={
        group ? (
          <GroupDetails key={group.id} group={group} />
        ) : (
          <Empty title="No group selected">{`Choose one of ${counted(shown.length, 'group')} in the list.`}</Empty>
        )
      }
      width={detailsWidth}
      onWidth={(width) => useUi.getState().set({ detailsWidth: width })}
      open={open}
      onOpen={setOpen}
      testId={testIds.groupDetails}
    />
  );
}

/** Use, and a bar against the limit where there is one. */
function Use({
  id,
  of,
  label,
  read,
  words,
}: {
  id: string;
  of: number | null;
  label: string;
  read: (use: GroupUse) => number | null;
  words: (value: number) => string;
}) {
  const last = useGroupUse((state) => state.history[id]?.at(-1));
  const value = last ? read(last) : null;
  return (
    <div className={css.use}>
      <span>
        {value === null ? '–' : words(value)}
        {of !== null && <span className="muted">{` of ${words(of)}`}</span>}
      </span>
      {of !== null && <Progress fraction={Math.min(1, (value ?? 0) / of)} label={label} />}
    </div>
  );
}
