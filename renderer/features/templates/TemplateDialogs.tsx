import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGuests } from '../../stores/guests.ts';
import { templateNameOf, useTemplates } from '../../stores/templates.ts';
import { tell } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { bytes, counted } from '../../ui/format.ts';
import { NameDialog } from '../../ui/NameDialog.tsx';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import { LinkedClones } from './LinkedClones.tsx';

const close = () => useUi.getState().close();

/** Does it once, closes on success, shows what went wrong otherwise. */
function useAct(act: () => Promise<unknown>) {
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await act();
      close();
    } catch (cause) {
      setError(toWire(cause));
      setBusy(false);
    }
  };
  return { error, busy, run: () => void run() };
}

export function TemplateRenameDialog({ id }: { id: string }) {
  const all = [...useGuests((state) => state.all), ...useTemplates((state) => state.all)];
  const taken = (name: string) =>
    all.some((other) => other.id !== id && other.name.toLowerCase() === name.toLowerCase());
  return (
    <NameDialog
      title="Rename the template"
      act="Rename"
      name={templateNameOf(id)}
      hint="A label: its folder and disks stay, and so do its linked clones."
      problemOf={(name) => nameProblem(name) ?? (taken(name) ? 'A guest or template has this name.' : null)}
      onName={(name) => call('templates.rename', { id, name })}
      onClose={close}
      write={writeClipboard}
    />
  );
}

/** Its labels, and what its clones get unless something else is chosen for them. */
export function TemplateLabelsDialog({ id }: { id: string }) {
  const template = useTemplates.getState().byId[id];
  const [tags, setTags] = useState(template?.tags.join(', ') ?? '');
  const [description, setDescription] = useState(template?.description ?? '');
  const list = [...new Set(tags.split(',').map((tag) => tag.trim()))].filter(Boolean);
  const problem = list.some((tag) => tag.length > 40)
    ? 'A tag can have at most 40 characters.'
    : list.length > 20
      ? 'A template can have at most 20 tags.'
      : null;
  const [vcpus, setVcpus] = useState(template?.vcpus ?? 1);
  const [memory, setMemory] = useState(template?.memory ?? 1024);
  const [user, setUser] = useState(template?.loginUser ?? '');
  const userProblem =
    user.trim() === '' || /^[a-z_][a-z0-9_-]{0,31}$/.test(user.trim())
      ? null
      : 'A Linux user name: small letters, digits, - and _.';
  const bad = problem !== null || userProblem !== null || !(vcpus >= 1) || !(memory >= 64);
  const { error, busy, run } = useAct(() =>
    call('templates.edit', {
      id,
      tags: list,
      description,
      loginUser: user.trim() || null,
      // A broken template says 0: then what it has is left alone.
      ...(vcpus === template?.vcpus ? {} : { vcpus }),
      ...(memory === template?.memory ? {} : { memory }),
    }),
  );
  return (
    <Dialog
      title={`Edit ${template?.name ?? id}`}
      onClose={close}
      onSubmit={() => {
        if (!bad) run();
      }}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={bad || busy} data-testid={testIds.dialogConfirm}>
            Save
          </Button>
        </>
      }
    >
      <TextField
        label="Description"
        value={description}
        onChange={setDescription}
        multiline={4}
        hint="What is installed in it, for whoever clones it."
        autoFocus
      />
      <TextField label="Tags" value={tags} onChange={setTags} problem={problem} hint="Separated by commas." />
      <div className={panes.three}>
        <NumberField label="CPUs" value={vcpus} onChange={setVcpus} min={1} max={256} />
        <NumberField label="Memory, MB" value={memory} onChange={setMemory} min={64} max={4 << 20} />
        <TextField
          label="Log in as"
          value={user}
          onChange={setUser}
          problem={userProblem}
          placeholder="debian"
        />
      </div>
      <p className="muted">
        Clones made from now on begin with these; each can be given others. Clones that exist stay as they
        are.
      </p>
      {error && <ErrorNote error={error} write={writeClipboard} />}
    </Dialog>
  );
}

/** Names the very files that go; while linked clones stand on its disk it offers the way out instead. */
export function TemplateDeleteDialog({ id }: { id: string }) {
  const template = useTemplates((state) => state.byId[id]);
  const [name] = useState(() => templateNameOf(id));
  const [plan, setPlan] = useState<{ files: number; bytes: number } | null>(null);
  const [failed, setFailed] = useState<WireError | null>(null);
  const linked = template?.linkedClones ?? [];
  useEffect(() => {
    let current = true;
    call('templates.deletePlan', { id }).then(
      ({ removed }) =>
        current &&
        setPlan({ files: removed.length, bytes: removed.reduce((sum, file) => sum + file.bytes, 0) }),
      (cause) => current && setFailed(toWire(cause)),
    );
    return () => {
      current = false;
    };
  }, [id]);
  const { error, busy, run } = useAct(async () => {
    await call('templates.delete', { id });
    tell(`${name} was deleted`);
  });
  if (linked.length > 0)
    return (
      <Dialog
        title={`${name} cannot be deleted yet`}
        onClose={close}
        foot={
          <Button look="primary" onPress={close} autoFocus>
            Close
          </Button>
        }
      >
        <p>
          {linked.length === 1 ? 'A linked clone stands' : `${linked.length} linked clones stand`} on its disk
          and would be lost with it. Make {linked.length === 1 ? 'it a full clone' : 'them full clones'}{' '}
          first, or delete {linked.length === 1 ? 'it' : 'them'}.
        </p>
        <LinkedClones ids={linked} />
      </Dialog>
    );
  const shown = failed ?? error;
  return (
    <Confirm
      title={`Delete ${name}?`}
      act="Delete the template"
      busy={plan === null || busy}
      onClose={close}
      onAct={run}
    >
      {shown && <ErrorNote error={shown} write={writeClipboard} />}
      <p>
        Its disk and settings are removed from this computer
        {plan ? `: ${counted(plan.files, 'file')}, ${bytes(plan.bytes)}` : ''}. Full clones made from it stay
        as they are. This cannot be undone.
      </p>
    </Confirm>
  );
}
