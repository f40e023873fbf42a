import { Ellipsis } from 'lucide-react';
import type { Group, GroupMember } from '../../../shared/model/group.ts';
import { call } from '../../bridge/call.ts';
import { groupDone, useGroupHistory } from '../../stores/groups.ts';
import { useUi } from '../../stores/ui.ts';
import { IconButton } from '../../ui/Button.tsx';
import { bytes, cores } from '../../ui/format.ts';
import { MenuButton, type MenuEntry } from '../../ui/Menu.tsx';
import { Dot } from '../../ui/parts.tsx';
import { memberRowTestId } from '../../ui/testids.ts';
import css from './groups.module.css';

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

/** Who is in a group, with what each uses. */
export function GroupMembers({ group }: { group: Group }) {
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
