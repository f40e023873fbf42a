import { ArrowLeft, Ellipsis } from 'lucide-react';
import { type Guest, guestStateWords } from '../../../shared/model/guest.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { actionsFor } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { cancelOperation, useSubjectOperation } from '../../stores/operations.ts';
import { useUi } from '../../stores/ui.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { ago } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import { Progress, StateDot } from '../../ui/parts.tsx';
import { Tabs } from '../../ui/Tabs.tsx';
import { actionTestId, testIds } from '../../ui/testids.ts';
import { CancelButton } from '../../ui/WorkingDialog.tsx';
import { actionIcons, actionLabel, menuEntries } from './action-icons.tsx';
import type { DetailTab } from './detail-tabs.tsx';
import css from './details.module.css';

export function GuestDetails({
  guest,
  tabs,
  width,
  onBack,
}: {
  guest: Guest;
  tabs: readonly DetailTab[];
  width?: number;
  onBack?: () => void;
}) {
  const tab = useUi((state) => state.detailsTab);
  const operation = useSubjectOperation(guest.id);
  const { primary, more } = actionsFor(guest.state);
  return (
    <section
      className={cx(css.details, onBack && css.whole)}
      style={onBack ? undefined : { width }}
      aria-label={`Details of ${guest.name}`}
      data-testid={testIds.guestDetails}
      data-pane="details"
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && onBack && !event.defaultPrevented) onBack();
      }}
    >
      <header className={css.title}>
        {onBack && <IconButton icon={<ArrowLeft size={16} />} label="Back to the list" onPress={onBack} />}
        <h2 title={guest.name}>{guest.name}</h2>
        <StateDot state={guest.state} />
      </header>
      {operation && (
        <div className={css.doing}>
          <div className={css.doingLine}>
            <span>{operation.phase || operation.title}</span>
            <CancelButton size="small" operation={operation} onCancel={cancelOperation} />
          </div>
          <Progress fraction={operation.fraction} label={operation.title} />
        </div>
      )}
      <div className={css.actions}>
        {primary.map((action, index) => (
          <Button
            key={action}
            look={index === 0 ? 'primary' : 'plain'}
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
    </section>
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
      {guest.problem && <ErrorNote error={guest.problem} write={writeClipboard} />}
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
      {stopped && <p className={css.note}>{meaning}</p>}
      {guest.pendingRestart && (
        <p className={css.note}>Changes were made since it started. They take effect at its next start.</p>
      )}
      {guest.notes.map((note) => (
        <p key={note} className={css.note}>
          {note}
        </p>
      ))}
    </div>
  );
}
