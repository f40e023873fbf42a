import { Ellipsis } from 'lucide-react';
import { type Guest, guestStateWords } from '../../../shared/model/guest.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { actionsFor } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { cancelOperation, useSubjectOperation } from '../../stores/operations.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { ago } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import { OperationLine } from '../../ui/OperationLine.tsx';
import panes from '../../ui/panes.module.css';
import { Tabs } from '../../ui/Tabs.tsx';
import { actionTestId } from '../../ui/testids.ts';
import { actionIcons, actionLabel, dangerous, menuEntries } from './action-icons.tsx';
import type { DetailTab } from './detail-tabs.tsx';
import css from './details.module.css';

/** What is done with a guest, what went wrong with it, and the tabs about it. */
export function GuestDetails({ guest, tabs }: { guest: Guest; tabs: readonly DetailTab[] }) {
  const tab = useUi((state) => state.detailsTab);
  const operation = useSubjectOperation(guest.id);
  const { primary, more } = actionsFor(guest.state);
  return (
    <>
      <OperationLine operation={operation} onCancel={cancelOperation} />
      <div className={panes.actions}>
        {primary.map((action, index) => (
          <Button
            key={action}
            look={index === 0 ? 'primary' : dangerous.has(action) ? 'risky' : 'plain'}
            data-testid={actionTestId(action)}
            onPress={() => runGuestAction(action, [guest])}
          >
            {actionIcons[action]}
            {actionLabel(action, guest)}
          </Button>
        ))}
        {more.length > 0 && (
          <MenuButton
            label={`More actions for ${guest.name}`}
            button={
              <Button aria-label="More actions" data-testid={actionTestId('more')}>
                <Ellipsis size={16} aria-hidden="true" />
              </Button>
            }
            entries={menuEntries(more, guest)}
          />
        )}
      </div>
      <Notes guest={guest} />
      <Tabs
        label={`About ${guest.name}`}
        tabs={tabs
          .filter((entry) => entry.shows?.(guest) ?? true)
          .map(({ id, title, component: Component }) => ({
            id,
            title,
            content: () => <Component key={guest.id} guest={guest} />,
          }))}
        selected={tab}
        onSelect={(id) => useUi.getState().set({ detailsTab: id })}
      />
    </>
  );
}

/** What one must know before anything else: why it is broken, crashed or stopped, and how this run differs. */
function Notes({ guest }: { guest: Guest }) {
  const { tone, meaning } = guestStateWords[guest.state];
  const crash = guest.state === 'crashed' ? guest.crash : null;
  const stopped = tone === 'failed' && !guest.problem && !crash;
  if (!guest.problem && !crash && !stopped && !guest.pendingRestart && guest.notes.length === 0) return null;
  return (
    <div className={css.notes}>
      {guest.problem && (
        <ErrorNote
          error={guest.problem}
          write={writeClipboard}
          action={
            guest.problem.code === 'xml-invalid' && (
              <Button size="small" onPress={() => useUi.getState().open({ kind: 'xml', id: guest.id })}>
                Edit the XML…
              </Button>
            )
          }
        />
      )}
      {crash && (
        <ErrorNote
          write={writeClipboard}
          error={{
            code: 'qemu-failed',
            message: `${guest.name} crashed ${ago(crash.at)}.`,
            why: crash.reason,
            todo: 'What it had not written to its disk is lost. Start it again, or read the log first.',
            detail: crash.logTail || undefined,
          }}
        />
      )}
      {stopped && <p className={panes.note}>{meaning}</p>}
      {guest.pendingRestart && (
        <p className={panes.note}>Changes were made since it started. They take effect at its next start.</p>
      )}
      {guest.notes.map((note) => (
        <p key={note} className={panes.note}>
          {note}
        </p>
      ))}
    </div>
  );
}
