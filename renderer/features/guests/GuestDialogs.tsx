import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { DeletePlan } from '../../../shared/ipc/guests.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import { userProblem } from '../../../shared/model/server.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { allows } from '../../stores/guest-actions.ts';
import { guestNameOf, useGuests } from '../../stores/guests.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { bytes, counted } from '../../ui/format.ts';
import { NameDialog } from '../../ui/NameDialog.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './details.module.css';

const close = () => useUi.getState().close();

/** "web-01" or "3 guests" */
const named = (ids: readonly string[]) =>
  ids.length === 1 ? guestNameOf(ids[0] ?? '') : counted(ids.length, 'guest');

function each(ids: readonly string[], act: (id: string) => Promise<unknown>) {
  close();
  for (const id of ids) void act(id).catch(tellError);
}

export function RenameDialog({ id }: { id: string }) {
  const guests = useGuests((state) => state.all);
  const taken = (name: string) =>
    guests.some((guest) => guest.id !== id && guest.name.toLowerCase() === name.toLowerCase());
  return (
    <NameDialog
      title="Rename the guest"
      act="Rename"
      name={guestNameOf(id)}
      hint="A label: its folder, its disks and the host name inside stay as they are."
      problemOf={(name) => nameProblem(name) ?? (taken(name) ? 'Another guest has this name.' : null)}
      onName={(name) => call('guests.rename', { id, name })}
      onClose={close}
      write={writeClipboard}
    />
  );
}

export function LabelsDialog({ id }: { id: string }) {
  const guest = useGuests.getState().byId[id];
  const [tags, setTags] = useState(guest?.tags.join(', ') ?? '');
  const [description, setDescription] = useState(guest?.description ?? '');
  const [user, setUser] = useState(guest?.ssh?.user ?? '');
  const login = user.trim();
  const loginProblem = login === '' ? null : userProblem(login);
  const list = [...new Set(tags.split(',').map((tag) => tag.trim()))].filter(Boolean);
  const problem = list.some((tag) => tag.length > 40)
    ? 'A tag can have at most 40 characters.'
    : list.length > 20
      ? 'A guest can have at most 20 tags.'
      : null;
  return (
    <Dialog
      title={`Tags, notes and login of ${guest?.name ?? id}`}
      onClose={close}
      onSubmit={() => {
        if (problem || loginProblem) return;
        const changed = login === (guest?.ssh?.user ?? '') ? {} : { user: login || null };
        each([id], () => call('guests.setLabels', { id, tags: list, description, ...changed }));
      }}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={problem !== null || loginProblem !== null}
            data-testid={testIds.dialogConfirm}
          >
            Save
          </Button>
        </>
      }
    >
      <TextField
        label="Tags"
        value={tags}
        onChange={setTags}
        problem={problem}
        hint="Separated by commas."
        autoFocus
      />
      <TextField label="Notes" value={description} onChange={setDescription} multiline={4} />
      {guest?.ssh && (
        <TextField
          label="Log in as"
          value={user}
          onChange={setUser}
          problem={loginProblem}
          hint="The user of its system that consoles and ssh log in as."
        />
      )}
    </Dialog>
  );
}

export function DeleteDialog({ ids }: { ids: readonly string[] }) {
  const [plan, setPlan] = useState<DeletePlan | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  useEffect(() => {
    let current = true;
    Promise.all(ids.map((id) => call('guests.deletePlan', { id }))).then(
      (plans) =>
        current &&
        setPlan({
          removed: plans.flatMap((one) => one.removed),
          kept: plans.flatMap((one) => one.kept),
        }),
      (cause) => current && setError(toWire(cause)),
    );
    return () => {
      current = false;
    };
  }, [ids]);
  const total = plan?.removed.reduce((sum, file) => sum + file.bytes, 0) ?? 0;
  const remove = async (id: string) => {
    const name = guestNameOf(id);
    await call('guests.delete', { id });
    if (ids.length === 1) tell(`${name} was deleted`);
  };
  return (
    <Confirm
      title={`Delete ${named(ids)}?`}
      act={ids.length === 1 ? 'Delete the guest' : `Delete ${counted(ids.length, 'guest')}`}
      busy={plan === null}
      onClose={close}
      onAct={() => each(ids, remove)}
    >
      {error ? (
        <ErrorNote error={error} write={writeClipboard} />
      ) : (
        <>
          <p>
            {ids.length === 1 ? 'Its' : 'Their'} disks and settings are removed from this computer
            {plan ? `: ${counted(plan.removed.length, 'file')}, ${bytes(total)}` : ''}. This cannot be undone.
          </p>
          {ids.length > 1 && <p className="selectable">{ids.map(guestNameOf).join(', ')}</p>}
          {plan && plan.removed.length > 0 && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable list must be reachable by keyboard
            <ul className={`${css.paths} mono selectable`} tabIndex={0} aria-label="Files that will be gone">
              {plan.removed.map((file) => (
                <li key={file.path}>
                  <span>{file.path}</span>
                  <span>{bytes(file.bytes)}</span>
                </li>
              ))}
            </ul>
          )}
          {plan && plan.kept.length > 0 && (
            <div>
              <h2>Stays where it is</h2>
              <ul>
                {plan.kept.map((file) => (
                  <li key={file.path}>
                    <span className="mono selectable">{file.path}</span>
                    <div className="muted">{file.why}</div>
                  </li>
                ))}
              </ul>
            </div>
          )}
        </>
      )}
    </Confirm>
  );
}

export function ForceOffDialog({ ids }: { ids: readonly string[] }) {
  return (
    <Confirm
      title={`Force ${named(ids)} off?`}
      act="Force off"
      onClose={close}
      onAct={() => each(ids, (id) => call('guests.forceOff', { id }))}
    >
      <p>
        This pulls the plug. The system inside is not told: what it has not written to disk is lost, and files
        it is writing may be damaged.
      </p>
    </Confirm>
  );
}

export function ResetDialog({ ids }: { ids: readonly string[] }) {
  return (
    <Confirm
      title={`Reset ${named(ids)}?`}
      act="Reset"
      onClose={close}
      onAct={() => each(ids, (id) => call('guests.reset', { id }))}
    >
      <p>
        This is the reset button: the machine begins anew at once, and what the system inside has not written
        to disk is lost. “Reboot” asks the system inside instead.
      </p>
    </Confirm>
  );
}

export function DiscardSavedDialog({ ids }: { ids: readonly string[] }) {
  return (
    <Confirm
      title={`Discard the saved memory of ${named(ids)}?`}
      act="Discard memory"
      onClose={close}
      onAct={() => each(ids, (id) => call('guests.discardSaved', { id }))}
    >
      <p>
        Programs that were open inside are lost, as if the plug had been pulled. Its disk stays, and its next
        start is a fresh boot.
      </p>
    </Confirm>
  );
}

/** A shut-down that was not answered in time. Closes itself when the guest goes down after all. */
export function ShutdownTimeoutDialog({ id }: { id: string }) {
  const guest = useGuests((state) => state.byId[id]);
  const up = guest !== undefined && allows(guest.state, 'force-off');
  useEffect(() => {
    if (!up) close();
  }, [up]);
  if (!guest || !up) return null;
  return (
    <Confirm
      title={`${guest.name} has not shut down`}
      act="Force off"
      onClose={close}
      onAct={() => each([id], () => call('guests.forceOff', { id }))}
    >
      <p>
        The system inside was asked, but it is still up. It may be installing something, or it may not listen
        to the power button. You can wait, look at its console, or force it off, which loses what it has not
        written to disk.
      </p>
    </Confirm>
  );
}
