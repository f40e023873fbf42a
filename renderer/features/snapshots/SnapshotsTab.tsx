import { Camera, Ellipsis } from 'lucide-react';
import { useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import type { GuestSnapshot } from '../../../shared/model/snapshot.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useOperations } from '../../stores/operations.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, moment } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import { NameDialog } from '../../ui/NameDialog.tsx';
import panes from '../../ui/panes.module.css';
import { Empty, Tag } from '../../ui/parts.tsx';
import { snapshotRowTestId, testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import { DeleteDialog, RevertDialog } from './SnapshotDialogs.tsx';
import css from './snapshots.module.css';

type Open =
  | { readonly kind: 'take' }
  | { readonly kind: 'revert' | 'rename' | 'delete'; readonly snapshot: GuestSnapshot };

/** A snapshot's name may be anything that is one line. */
const problemOf = (name: string) =>
  name.trim() === ''
    ? 'A snapshot needs a name.'
    : name.trim().length > 100
      ? 'A name can have at most 100 characters.'
      : null;

/** The moments of a guest one can go back to, newest first. */
export function SnapshotsTab({ guest }: { guest: Guest }) {
  const ended = useOperations((state) =>
    state.all
      .filter((op) => op.subject === guest.id && op.kind.startsWith('snapshot.'))
      .map((op) => `${op.id}${op.status}`)
      .join(),
  );
  const [asked, again] = useAsked(`${guest.id} ${guest.state} ${ended}`, () =>
    call('snapshots.list', { id: guest.id }),
  );
  const [open, setOpen] = useState<Open | null>(null);
  if (!asked.value)
    return asked.status === 'failed' ? (
      <div className={panes.panel}>
        <ErrorNote error={asked.error} write={writeClipboard} />
      </div>
    ) : null;
  const { snapshots, current, refusal } = asked.value;
  const running = guest.pid !== null;
  const close = () => setOpen(null);
  const takeButton = (
    <Button
      look={snapshots.length === 0 ? 'primary' : 'plain'}
      isDisabled={refusal !== null}
      onPress={() => setOpen({ kind: 'take' })}
      data-testid={testIds.takeSnapshot}
    >
      <Camera size={16} aria-hidden="true" />
      Take a snapshot…
    </Button>
  );
  return (
    <div className={css.tab} data-testid={testIds.snapshotsTab}>
      {refusal && (
        <p className={css.refusal}>
          {refusal.why} {refusal.todo}
        </p>
      )}
      {snapshots.length === 0 ? (
        <Empty title="No snapshots" action={takeButton}>
          A snapshot keeps this moment, to go back to when something goes wrong: the disks and, of a guest
          that runs, its memory. It takes little room at first, and grows with what changes afterwards.
        </Empty>
      ) : (
        <>
          <div className={css.bar}>{takeButton}</div>
          <ul className={css.list} aria-label={`Snapshots of ${guest.name}`}>
            {snapshots.map((snapshot) => (
              <li key={snapshot.id} className={css.row} data-testid={snapshotRowTestId(snapshot.name)}>
                <div className={css.what}>
                  <span className={css.name} title={snapshot.name}>
                    {snapshot.name}
                  </span>
                  {snapshot.id === current && <Tag>Goes on from here</Tag>}
                  <small>
                    {moment(snapshot.at)},{' '}
                    {snapshot.memory === null
                      ? 'disks of a guest that was off'
                      : `disks and ${bytes(snapshot.memory)} of memory`}
                  </small>
                </div>
                <Button size="small" onPress={() => setOpen({ kind: 'revert', snapshot })}>
                  Go back…
                </Button>
                <MenuButton
                  label={`More for ${snapshot.name}`}
                  button={
                    <Button size="small" aria-label={`More for ${snapshot.name}`}>
                      <Ellipsis size={16} aria-hidden="true" />
                    </Button>
                  }
                  entries={[
                    { id: 'rename', label: 'Rename…', run: () => setOpen({ kind: 'rename', snapshot }) },
                    {
                      id: 'delete',
                      label: 'Delete…',
                      dangerous: true,
                      apart: true,
                      run: () => setOpen({ kind: 'delete', snapshot }),
                    },
                  ]}
                />
              </li>
            ))}
          </ul>
        </>
      )}
      {open?.kind === 'take' && (
        <NameDialog
          title={`Take a snapshot of ${guest.name}`}
          act="Take it"
          name={`Snapshot ${snapshots.length + 1}`}
          hint={
            running
              ? 'Its disks and its memory. The guest stands still while its memory is written, and goes on.'
              : 'Its disks as they are.'
          }
          problemOf={problemOf}
          onName={(name) => call('snapshots.take', { id: guest.id, name })}
          onClose={close}
          write={writeClipboard}
        />
      )}
      {open?.kind === 'rename' && (
        <NameDialog
          title="Rename the snapshot"
          act="Rename"
          name={open.snapshot.name}
          problemOf={problemOf}
          onName={(name) =>
            call('snapshots.rename', { id: guest.id, snapshot: open.snapshot.id, name }).then(again)
          }
          onClose={close}
          write={writeClipboard}
        />
      )}
      {open?.kind === 'revert' && <RevertDialog guest={guest} snapshot={open.snapshot} onClose={close} />}
      {open?.kind === 'delete' && <DeleteDialog guest={guest} snapshot={open.snapshot} onClose={close} />}
    </div>
  );
}
