import { useEffect, useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../../shared/errors.ts';
import { type Comparison, type ComparisonSide, comparisonProblem } from '../../../shared/model/comparison.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useContainers } from '../../stores/containers.ts';
import { useGuests } from '../../stores/guests.ts';
import { cancelOperation, operationEnd, useOperations } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, moment } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { Progress } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './containers.module.css';

const close = () => useUi.getState().close();

/** A guest and a container of the same application side by side, measured here: what each costs. */
export function CompareDialog({ id }: { id: string | null }) {
  const all = useGuests((state) => state.all);
  const guests = all.filter(({ state }) => comparisonProblem(state) === null);
  const saved = all.filter(({ state }) => state === 'saved');
  const containers = useContainers((state) => state.all);
  const [guest, setGuest] = useState('');
  const [container, setContainer] = useState(id ?? '');
  const [found, setFound] = useState<Comparison | null>(null);
  const [operation, setOperation] = useState<string | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  useEffect(() => {
    call('containers.comparison').then(setFound, tellError);
  }, []);
  const guestId = guests.find((one) => one.id === guest)?.id ?? guests[0]?.id;
  const containerId = containers.find((one) => one.id === container)?.id ?? containers[0]?.id;
  const measure = async () => {
    if (!guestId || !containerId) return;
    setError(null);
    try {
      const started = await call('containers.compare', { guest: guestId, container: containerId });
      setOperation(started.operation);
      await operationEnd(started.operation);
      setFound(await call('containers.comparison'));
    } catch (cause) {
      if (!isCancelled(cause)) setError(toWire(cause));
    }
    setOperation(null);
  };
  const chosen = guests.find((one) => one.id === guestId)?.state;
  const off = chosen === 'off' || chosen === 'crashed';
  return (
    <Dialog
      title="A guest and a container, side by side"
      width={640}
      onClose={close}
      onSubmit={() => void measure()}
      foot={
        <>
          {operation && <Button onPress={() => cancelOperation(operation)}>Cancel</Button>}
          <Button onPress={close}>Close</Button>
          <Button look="primary" type="submit" isDisabled={!guestId || !containerId || operation !== null}>
            {operation ? 'Measuring…' : 'Measure'}
          </Button>
        </>
      }
    >
      <p className="muted">
        Choose a guest and a container that run the same application. What is off is started, measured and put
        back; what runs is not disturbed.
      </p>
      {!guestId || !containerId ? (
        <div className={panes.note}>
          {guestId ? 'There is no container yet.' : 'There is no guest that could be measured.'} It takes one
          of each.
        </div>
      ) : (
        <div className={panes.two}>
          <Select
            label="Guest"
            value={guestId}
            onChange={setGuest}
            groups={[{ title: 'Guests', options: guests.map((one) => ({ id: one.id, label: one.name })) }]}
            hint={
              off
                ? 'It is off: it will be started, and shut down again.'
                : 'It runs: its start is not measured.'
            }
          />
          <Select
            label="Container"
            value={containerId}
            onChange={setContainer}
            groups={[
              { title: 'Containers', options: containers.map((one) => ({ id: one.id, label: one.name })) },
            ]}
          />
        </div>
      )}
      {saved.length > 0 && (
        <p className="muted">
          Left out, since a start would use up their saved memory: {saved.map(({ name }) => name).join(', ')}.
        </p>
      )}
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {operation && <Waiting id={operation} />}
      {found && <Result {...found} />}
    </Dialog>
  );
}

function Waiting({ id }: { id: string }) {
  const operation = useOperations((state) => state.byId[id]);
  return (
    <div className={panes.waiting}>
      <Progress fraction={operation?.fraction ?? null} label="Measuring" />
      <span aria-live="polite">{operation?.phase || 'Beginning'}</span>
    </div>
  );
}

const seconds = (ms: number) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

function Result({ guest, container, at }: Comparison) {
  const rows = [
    { name: 'Memory', pick: (side: ComparisonSide) => side.memory, words: bytes },
    { name: 'Start', pick: (side: ComparisonSide) => side.start, words: seconds },
    { name: 'Disk', pick: (side: ComparisonSide) => side.disk, words: bytes },
  ];
  return (
    <>
      <table className={css.compare} data-testid={testIds.comparison}>
        <thead>
          <tr>
            <th scope="col">{moment(at)}</th>
            <th scope="col">{guest.name}, guest</th>
            <th scope="col">{container.name}, container</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, pick, words }) => {
            const most = Math.max(pick(guest) ?? 0, pick(container) ?? 0) || 1;
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                {[guest, container].map((side) => {
                  const value = pick(side);
                  return (
                    <td key={side.id}>
                      <b>{value === null ? 'not measured' : words(value)}</b>
                      {value !== null && (
                        <div
                          className={css.bar}
                          aria-hidden="true"
                          style={{ width: `${Math.max(1, (100 * value) / most)}%` }}
                        />
                      )}
                    </td>
                  );
                })}
              </tr>
            );
          })}
          <tr>
            <th scope="row">Keeps apart</th>
            <td>A kernel and hardware of its own: strong.</td>
            <td>Its own files, processes and network on a shared kernel: lighter.</td>
          </tr>
        </tbody>
      </table>
      <div className={panes.two}>
        {[guest, container].map((side) => (
          <ul key={side.id} className={css.notes}>
            {side.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        ))}
      </div>
    </>
  );
}
