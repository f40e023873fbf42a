import { useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { useGuests } from '../../stores/guests.ts';
import { operationEnd, useSubjectOperation } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Progress, StateDot } from '../../ui/parts.tsx';
import css from './templates.module.css';

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
const canCopy = (guest: Guest) => guest.state === 'off' || guest.state === 'crashed';

function show(id: string) {
  const ui = useUi.getState();
  ui.close();
  ui.go('guests');
  ui.set({ filter: '', stateFilter: new Set(), tagFilter: new Set(), detailsOpen: true });
  ui.select([id], id);
}

/** The clones that stand on a template's disk, each with the way out: a whole disk of its own. */
export function LinkedClones({ ids }: { ids: readonly string[] }) {
  const byId = useGuests((state) => state.byId);
  const guests = ids.flatMap((id) => byId[id] ?? []).sort((a, b) => order.compare(a.name, b.name));
  const [all, setAll] = useState(false);
  const ready = guests.filter(canCopy);
  const makeAll = async () => {
    setAll(true);
    try {
      for (const { id } of ready) await operationEnd((await call('clones.makeFull', { id })).operation);
    } catch (error) {
      tellError(error);
    } finally {
      setAll(false);
    }
  };
  return (
    <div className={css.lines}>
      <ul className={css.clones}>
        {guests.map((guest) => (
          <Clone key={guest.id} guest={guest} waits={all} />
        ))}
      </ul>
      {(all || ready.length > 1) && (
        <div>
          <Button size="small" isDisabled={all} onPress={() => void makeAll()}>
            {all
              ? 'Copying…'
              : ready.length === guests.length
                ? 'Make them full clones'
                : `Make the ${ready.length} that are off full clones`}
          </Button>
        </div>
      )}
      <p className="muted">
        A full clone has a whole disk of its own and no longer needs the template. It must be off for that.
      </p>
    </div>
  );
}

function Clone({ guest, waits }: { guest: Guest; waits: boolean }) {
  const operation = useSubjectOperation(guest.id);
  return (
    <li>
      <span>
        <button type="button" className={css.link} onClick={() => show(guest.id)}>
          {guest.name}
        </button>
        {operation && <Progress fraction={operation.fraction} label={operation.title} />}
      </span>
      <StateDot state={guest.state} />
      <Button
        size="small"
        aria-label={`Make ${guest.name} a full clone`}
        isDisabled={waits || operation !== undefined || !canCopy(guest)}
        onPress={() => void call('clones.makeFull', { id: guest.id }).catch(tellError)}
      >
        Make full
      </Button>
    </li>
  );
}
