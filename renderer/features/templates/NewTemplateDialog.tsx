import { useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../../shared/errors.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { pickFile } from '../../bridge/files.ts';
import { useGuests } from '../../stores/guests.ts';
import { operationEnd } from '../../stores/operations.ts';
import { useTemplates } from '../../stores/templates.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import { Done, Sealing } from './SealDialog.tsx';

type Source = 'starter' | 'image';
type Stage =
  | { readonly at: 'choices' }
  | { readonly at: 'making'; readonly operation: string | null }
  | { readonly at: 'done'; readonly id: string };

const close = () => useUi.getState().close();

/** A template straight from Debian or from a disk image, without a guest to make first. */
export function NewTemplateDialog() {
  const taken = new Set([
    ...useGuests((state) => state.all).map((guest) => guest.name.toLowerCase()),
    ...useTemplates((state) => state.all).map((template) => template.name.toLowerCase()),
  ]);
  const [name, setName] = useState(() => {
    let free = 'debian-12';
    for (let n = 2; taken.has(free); n++) free = `debian-12-${n}`;
    return free;
  });
  const [source, setSource] = useState<Source>('starter');
  const [path, setPath] = useState('');
  const [stage, setStage] = useState<Stage>({ at: 'choices' });
  const [error, setError] = useState<WireError | null>(null);
  const problem =
    nameProblem(name) ?? (taken.has(name.toLowerCase()) ? 'A guest or template has this name.' : null);
  const fine = problem === null && (source === 'starter' || path.startsWith('/'));

  const make = async () => {
    setError(null);
    setStage({ at: 'making', operation: null });
    try {
      const { operation } = await call('templates.make', {
        name,
        from: source === 'starter' ? { kind: 'starter', id: 'debian-12' } : { kind: 'image', path },
      });
      setStage({ at: 'making', operation });
      await operationEnd(operation);
      const made = (await call('templates.list', undefined)).find((template) => template.name === name);
      if (made) setStage({ at: 'done', id: made.id });
    } catch (cause) {
      if (!isCancelled(cause)) setError(toWire(cause));
      setStage({ at: 'choices' });
    }
  };
  const pick = async () => {
    const endings = ['qcow2', 'img', 'raw', 'vmdk', 'vdi', 'vhdx', 'vhd'];
    const chosen = await pickFile('Choose a disk image', endings, 'Disk images');
    if (chosen !== null) setPath(chosen);
  };

  if (stage.at === 'making') return <Sealing name={name} operation={stage.operation} />;
  if (stage.at === 'done') return <Done name={name} id={stage.id} guest={null} />;
  return (
    <Dialog
      title="New template"
      width={560}
      onClose={close}
      testId={testIds.sealDialog}
      onSubmit={() => {
        if (fine) void make();
      }}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!fine} data-testid={testIds.sealSubmit}>
            Make the template
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <Choice
        label="Made from"
        value={source}
        onChange={(next) => {
          setSource(next);
          setError(null);
        }}
        options={[
          {
            id: 'starter',
            label: 'Debian 12, built here',
            hint: 'From its own packages; the first time this takes a few minutes.',
          },
          { id: 'image', label: 'A disk image', hint: 'It is copied, and the copy is sealed.' },
        ]}
      />
      {source === 'image' && (
        <div className={panes.file}>
          <TextField
            label="Disk image"
            value={path}
            onChange={setPath}
            mono
            placeholder="/path/to/file"
            problem={path !== '' && !path.startsWith('/') ? 'Give the whole path, from / on.' : null}
          />
          <Button onPress={() => void pick().catch(tellError)}>Choose…</Button>
        </div>
      )}
      <TextField label="Name of the template" value={name} onChange={setName} problem={problem} autoFocus />
      <p className="muted">
        What makes it one machine (machine-id, host keys, hostname, leases, logs) is emptied. To choose what
        is sealed, make a guest and turn it into a template.
      </p>
    </Dialog>
  );
}
