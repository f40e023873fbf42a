import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { Started } from '../../../shared/ipc/guests.ts';
import type { Group } from '../../../shared/model/group.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose } from '../../stores/chosen.ts';
import { groupDone, inTree, useGroupHosts, useGroups } from '../../stores/groups.ts';
import { operationEnd } from '../../stores/operations.ts';
import { hostNameOf, useHosts } from '../../stores/servers.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { NameDialog } from '../../ui/NameDialog.tsx';
import panes from '../../ui/panes.module.css';
import { Progress } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import { checkLimits, emptyForm, formOf } from './form.ts';
import { LimitsFields } from './LimitsFields.tsx';

const close = () => useUi.getState().close();

/** What a machine can hold. One that was not looked at yet is, which may ask for a password. */
function useHostOf(host: string | null) {
  const known = useGroupHosts((state) => state.byHost[host ?? '']);
  useEffect(() => {
    const look = async () => {
      const { fetch } = useGroupHosts.getState();
      await fetch(host);
      if (host !== null && !useGroupHosts.getState().byHost[host]?.host) await fetch(host, 'log in');
    };
    void look();
  }, [host]);
  return known;
}

/** Makes a group. @param parent a group it is to be in; null: none */
export function NewGroupDialog({ parent: parentId }: { parent: string | null }) {
  const groups = useGroups((state) => state.all);
  const machines = useHosts();
  const [name, setName] = useState('');
  const [parent, setParent] = useState(parentId ?? '');
  const [host, setHost] = useState('');
  const [form, setForm] = useState(emptyForm);
  const [touched, setTouched] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const outer = groups.find(({ id }) => id === parent);
  const where = outer ? outer.host : host || null;
  const looked = useHostOf(where);
  const checked = checkLimits(form, looked?.host?.cores ?? null);
  const taken = groups.some((one) => one.host === where && one.name.toLowerCase() === name.toLowerCase());
  const wrong = nameProblem(name) ?? (taken ? 'Another group has this name.' : null);
  const refused = looked?.host?.problem ?? looked?.error ?? null;
  const submit = async () => {
    setTouched(true);
    if (wrong || !checked.limits) return;
    try {
      const { operation, id } = await call('groups.create', {
        name,
        parent: parent || null,
        host: where,
        limits: checked.limits,
      });
      choose('groups', id);
      close();
      void operationEnd(operation).catch(() => {});
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  const tops = inTree(groups).filter((one) => one.parent === null);
  return (
    <Dialog
      title="New group"
      width={640}
      testId={testIds.groupDialog}
      onClose={close}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={refused !== null || (touched && (wrong !== null || !checked.limits))}
            data-testid={testIds.groupSubmit}
          >
            Make the group
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        problem={touched || name !== '' ? wrong : null}
        placeholder="build, games, nightly…"
        autoFocus
        testId={testIds.groupName}
      />
      <div className={panes.two}>
        <Select
          label="On"
          value={outer ? (outer.host ?? '') : host}
          onChange={setHost}
          testId="group-host"
          groups={[
            { title: 'Here', options: [{ id: '', label: 'This computer' }] },
            {
              title: 'Guests',
              options: machines
                .filter(({ kind, ready }) => kind === 'guest' && ready)
                .map(({ id, name: label }) => ({ id, label })),
            },
            {
              title: 'Servers',
              options: machines
                .filter(({ kind }) => kind === 'server')
                .map(({ id, name: label }) => ({ id, label })),
            },
          ]}
        />
        <Select
          label="Within"
          value={parent}
          onChange={setParent}
          testId="group-parent"
          groups={[
            { title: 'No group', options: [{ id: '', label: 'No other group' }] },
            { title: 'Groups', options: tops.map(({ id, name: label }) => ({ id, label })) },
          ]}
        />
      </div>
      {refused && <ErrorNote error={refused} write={writeClipboard} />}
      {looked?.loading && where !== null && (
        <Progress fraction={null} label={`Looking at ${hostNameOf(where)}`} />
      )}
      <LimitsFields form={form} problems={checked.problems} host={looked?.host ?? null} onChange={setForm} />
    </Dialog>
  );
}

/** Changes the limits of what runs, at once. */
export function GroupLimitsDialog({ id }: { id: string }) {
  const group = useGroups((state) => state.byId[id]);
  const looked = useHostOf(group?.host ?? null);
  const [form, setForm] = useState(() => (group ? formOf(group.limits) : emptyForm));
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(false);
  if (!group) return null;
  const checked = checkLimits(form, looked?.host?.cores ?? null);
  const submit = async (force: boolean) => {
    if (!checked.limits || busy) return;
    setBusy(true);
    setError(null);
    try {
      const { operation } = await call('groups.setLimits', { id, limits: checked.limits, force });
      await operationEnd(operation);
      close();
    } catch (cause) {
      setError(toWire(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Limits of ${group.name}`}
      width={640}
      testId={testIds.groupDialog}
      onClose={close}
      onSubmit={() => void submit(false)}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          {error?.code === 'needs-consent' && (
            <Button look="danger" onPress={() => void submit(true)} isDisabled={busy || !checked.limits}>
              Set it nevertheless
            </Button>
          )}
          <Button
            look="primary"
            type="submit"
            isDisabled={!checked.limits || busy}
            data-testid={testIds.groupSubmit}
          >
            Set the limits
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <LimitsFields form={form} problems={checked.problems} host={looked?.host ?? null} onChange={setForm} />
      <p className="muted">They hold at once for what runs, and again after a restart of this computer.</p>
    </Dialog>
  );
}

export function RenameGroupDialog({ id }: { id: string }) {
  const groups = useGroups((state) => state.all);
  const group = groups.find((one) => one.id === id);
  const taken = (name: string) =>
    groups.some(
      (one) => one.id !== id && one.host === group?.host && one.name.toLowerCase() === name.toLowerCase(),
    );
  return (
    <NameDialog
      title="Rename the group"
      act="Rename"
      name={group?.name ?? ''}
      problemOf={(name) => nameProblem(name) ?? (taken(name) ? 'Another group has this name.' : null)}
      onName={(name) => call('groups.rename', { id, name })}
      onClose={close}
      write={writeClipboard}
    />
  );
}

export function RemoveGroupDialog({ id }: { id: string }) {
  const group = useGroups((state) => state.byId[id]);
  if (!group) return null;
  return (
    <Confirm
      title={`Remove the group ${group.name}?`}
      act="Remove the group"
      onClose={close}
      onAct={() => {
        close();
        begin(call('groups.remove', { id }));
      }}
    >
      <p>What runs in it goes on, without its limits. What its applications wrote is deleted.</p>
      {group.members.some(({ kind }) => kind === 'container') && (
        <p className="muted">Its containers must be removed first: they are in it for life.</p>
      )}
      {group.limits.memoryMax !== null && (
        <p className="muted">Without the memory limit, members may take all that is free.</p>
      )}
    </Confirm>
  );
}

const begin = (started: Promise<Started>) => void groupDone(started);

/** Why a guest cannot be put into `group`, or its present group; for the list. */
export function groupOfGuest(groups: readonly Group[], guest: string): Group | undefined {
  return groups.find(({ members }) => members.some((one) => one.kind === 'guest' && one.id === guest));
}

/** What an application wrote. */
export function GroupLogDialog({ id, member }: { id: string; member: string }) {
  const group = useGroups((state) => state.byId[id]);
  const [text, setText] = useState<string | null>(null);
  const name = group?.members.find((one) => one.id === member)?.name ?? member;
  useEffect(() => {
    let current = true;
    const read = () =>
      call('groups.log', { id, member, lines: 1000 }).then(
        (found) => current && setText(found),
        (error) => current && tellError(error),
      );
    void read();
    const timer = setInterval(() => void read(), 2000);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [id, member]);
  return (
    <Dialog
      title={`What ${name} wrote`}
      width={720}
      onClose={close}
      foot={
        <>
          <Button onPress={() => void writeClipboard(text ?? '')} isDisabled={!text}>
            Copy
          </Button>
          <Button onPress={close} autoFocus>
            Close
          </Button>
        </>
      }
    >
      {text === '' ? (
        <p className="muted">Nothing yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard
        <pre className={`${panes.tableBox} selectable`} tabIndex={0} style={{ padding: 8, margin: 0 }}>
          {text ?? ''}
        </pre>
      )}
    </Dialog>
  );
}
