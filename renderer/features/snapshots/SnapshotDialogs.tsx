import { useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import type { GuestSnapshot } from '../../../shared/model/snapshot.ts';
import { call } from '../../bridge/call.ts';
import { tellError } from '../../stores/toasts.ts';
import { Checkbox } from '../../ui/Choice.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { moment } from '../../ui/format.ts';

/** Goes back: says what is lost, and keeps it unless told otherwise. */
export function RevertDialog({
  guest,
  snapshot,
  onClose,
}: {
  guest: Guest;
  snapshot: GuestSnapshot;
  onClose: () => void;
}) {
  const [keepNow, setKeepNow] = useState(true);
  const [start, setStart] = useState(snapshot.memory !== null || guest.pid !== null);
  const running = guest.pid !== null;
  const act = () => {
    onClose();
    void call('snapshots.revert', { id: guest.id, snapshot: snapshot.id, keepNow, start }).catch(tellError);
  };
  return (
    <Confirm
      title={`Go back to “${snapshot.name}”?`}
      act="Go back"
      dangerous={!keepNow}
      onAct={act}
      onClose={onClose}
    >
      <p>
        {guest.name} will be what it was at {moment(snapshot.at)}: disks, hardware and identity
        {snapshot.memory !== null && ', and what ran in its memory'}.{running && ' It is forced off first.'}
      </p>
      <Checkbox
        checked={keepNow}
        onChange={setKeepNow}
        hint={keepNow ? undefined : 'All that changed since the last snapshot is lost.'}
      >
        Take a snapshot of now first
      </Checkbox>
      <Checkbox checked={start} onChange={setStart}>
        {snapshot.memory === null ? 'Start it afterwards' : 'Let it go on from that moment at once'}
      </Checkbox>
    </Confirm>
  );
}

export function DeleteDialog({
  guest,
  snapshot,
  onClose,
}: {
  guest: Guest;
  snapshot: GuestSnapshot;
  onClose: () => void;
}) {
  const act = () => {
    onClose();
    void call('snapshots.delete', { id: guest.id, snapshot: snapshot.id }).catch(tellError);
  };
  return (
    <Confirm title={`Delete the snapshot “${snapshot.name}”?`} act="Delete it" onAct={act} onClose={onClose}>
      <p>
        One cannot go back to it any more. {guest.name} and its other snapshots stay as they are.
        {snapshot.memory === null && ' The room it took in the disk image is used again, not given back.'}
      </p>
    </Confirm>
  );
}
