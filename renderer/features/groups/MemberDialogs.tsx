import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { MovableProcess } from '../../../shared/model/group.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { groupDone, useGroupHosts, useGroups } from '../../stores/groups.ts';
import { useGuests } from '../../stores/guests.ts';
import { operationEnd } from '../../stores/operations.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { bytes } from '../../ui/format.ts';
import { ListTable } from '../../ui/ListTable.tsx';
import { Progress } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import { splitWords } from './form.ts';
import { GroupEnds } from './GroupAbilities.tsx';
import { groupOfGuest } from './GroupDialogs.tsx';
import css from './groups.module.css';

const close = () => useUi.getState().close();

export function AddGuestDialog({ id }: { id: string }) {
  const groups = useGroups((state) => state.all);
  const guests = useGuests((state) => state.all);
  const group = groups.find((one) => one.id === id);
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const free = guests
    .filter((guest) => groupOfGuest(groups, guest.id)?.id !== id && guest.state !== 'broken')
    .sort((a, b) => order.compare(a.name, b.name));
  const [chosen, setChosen] = useState('');
  const guest = free.find((one) => one.id === chosen) ?? free[0];
  const before = guest && groupOfGuest(groups, guest.id);
  const submit = () => {
    if (!guest) return;
    close();
    void groupDone(call('groups.addGuest', { id, guest: guest.id }));
  };
  return (
    <Dialog
      title={`Add a guest to ${group?.name ?? id}`}
      testId={testIds.groupMemberDialog}
      onClose={close}
      onSubmit={submit}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          {guests.length === 0 ? (
            <Button look="primary" onPress={() => useUi.getState().open({ kind: 'new-guest' })}>
              New guest…
            </Button>
          ) : (
            <Button look="primary" type="submit" isDisabled={!guest} data-testid={testIds.groupSubmit}>
              Add the guest
            </Button>
          )}
        </>
      }
    >
      {guest ? (
        <>
          <Select
            label="Guest"
            value={guest.id}
            onChange={setChosen}
            testId="group-guest"
            groups={[
              { title: 'Guests', options: free.map(({ id: one, name }) => ({ id: one, label: name })) },
            ]}
          />
          {before && <p>{`It leaves its present group, ${before.name}.`}</p>}
          <p className="muted">
            {guest.pid === null
              ? 'It starts in the group from now on, each time.'
              : 'It is moved in now, and starts there each time. Memory it has already stays counted where it was until it is restarted.'}
          </p>
        </>
      ) : (
        <p>{guests.length === 0 ? 'There is no guest yet.' : 'Every guest is in this group already.'}</p>
      )}
    </Dialog>
  );
}

export function StartApplicationDialog({ id }: { id: string }) {
  const group = useGroups((state) => state.byId[id]);
  const host = group?.host ?? null;
  const ends = useGroupHosts((state) => state.byHost[host ?? '']?.host?.ends != null);
  const [line, setLine] = useState('');
  const [name, setName] = useState('');
  const [folder, setFolder] = useState('');
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(false);
  const words = splitWords(line);
  const problem = words === null ? 'A quote is still open.' : null;
  const submit = async () => {
    if (!words || words.length === 0 || busy) return;
    setBusy(true);
    setError(null);
    try {
      const { operation } = await call('groups.startApplication', {
        id,
        command: words,
        name: name.trim() || undefined,
        folder: folder.trim() || undefined,
      });
      await operationEnd(operation);
      close();
    } catch (cause) {
      setError(toWire(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Start an application in ${group?.name ?? id}`}
      width={540}
      testId={testIds.groupMemberDialog}
      onClose={close}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={busy || !words || words.length === 0}
            data-testid={testIds.groupSubmit}
          >
            {busy ? 'Starting…' : 'Start it'}
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <TextField
        label="Command"
        value={line}
        onChange={setLine}
        problem={problem}
        placeholder="make -j8"
        mono
        autoFocus
        hint={
          words && words.length > 1
            ? words.map((word, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: words have no identity but their place
                <code key={index} className={css.word}>
                  {word}
                </code>
              ))
            : 'A program and its arguments. Quotes group words; no shell reads them.'
        }
        testId="group-command"
      />
      <TextField
        label="Folder"
        value={folder}
        onChange={setFolder}
        placeholder="the home folder"
        mono
        problem={folder !== '' && !folder.startsWith('/') ? 'A whole path, beginning with /.' : null}
      />
      <TextField label="Name" value={name} onChange={setName} placeholder={words?.[0] ?? ''} />
      <p className="muted">
        {ends ? '' : 'It goes on when Guesthouse is closed. '}What it writes is kept in a log.
      </p>
      <GroupEnds host={host} />
    </Dialog>
  );
}

const most = 200;

export function MoveProcessDialog({ id }: { id: string }) {
  const group = useGroups((state) => state.byId[id]);
  const [all, setAll] = useState<readonly MovableProcess[] | null>(null);
  const [filter, setFilter] = useState('');
  const [chosen, setChosen] = useState<string | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const host = group?.host ?? null;
  useEffect(() => {
    let current = true;
    call('groups.processes', { host }).then(
      (found) => current && setAll(found),
      (cause) => current && setError(toWire(cause)),
    );
    return () => {
      current = false;
    };
  }, [host]);
  const wanted = filter.trim().toLowerCase();
  const shown = (all ?? [])
    .filter(({ pid, name, command }) => `${pid} ${name} ${command}`.toLowerCase().includes(wanted))
    .sort((a, b) => b.memory - a.memory)
    .slice(0, most)
    .map((one) => ({ ...one, id: String(one.pid) }));
  const process = shown.find((one) => one.id === chosen);
  const submit = () => {
    if (!process) return;
    close();
    void groupDone(call('groups.moveProcess', { id, pid: process.pid, startTime: process.startTime }));
  };
  return (
    <Dialog
      title={`Move a running process into ${group?.name ?? id}`}
      width={720}
      testId={testIds.groupMemberDialog}
      onClose={close}
      onSubmit={submit}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!process} data-testid={testIds.groupSubmit}>
            Move it in
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <TextField
        label="Find"
        value={filter}
        onChange={setFilter}
        placeholder="name, command or number"
        autoFocus
        testId="group-process-filter"
      />
      {all === null && !error ? (
        <Progress fraction={null} label="Reading the list of processes" />
      ) : (
        <div className={css.processes}>
          <ListTable
            label="Processes"
            items={shown}
            selected={chosen}
            onSelect={setChosen}
            onOpen={submit}
            rowTestId={(name) => `process-row-${name}`}
            columns={[
              { id: 'name', title: 'Name', width: '150px', cell: (one) => one.name },
              { id: 'pid', title: 'Process', width: '80px', cell: (one) => one.pid },
              { id: 'user', title: 'User', width: '90px', cell: (one) => one.user },
              { id: 'memory', title: 'Memory', width: '90px', cell: (one) => bytes(one.memory) },
              { id: 'command', title: 'Command', cell: (one) => <span className="mono">{one.command}</span> },
            ]}
          />
        </div>
      )}
      <p className="muted">
        This process alone is moved, and what it starts from now on is in the group too. Memory it has already
        stays counted where it was.
      </p>
    </Dialog>
  );
}
