import { useRef, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { keyFileName } from '../../../shared/ipc/keys.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { pathForFile } from '../../bridge/files.ts';
import { useKey } from '../../stores/keys.ts';
import { hostNameOf } from '../../stores/servers.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { SecretField } from '../../ui/SecretField.tsx';
import css from './keys.module.css';
import { StrengthMeter } from './StrengthMeter.tsx';

const close = () => useUi.getState().close();

/** A key from a file, or pasted. Core copies it with the right permissions; the original stays. */
export function ImportKeyDialog() {
  const [how, setHow] = useState<'file' | 'text'>('file');
  const [file, setFile] = useState<string | null>(null);
  const [text, setText] = useState('');
  const [name, setName] = useState('');
  const [location, setLocation] = useState<'ssh' | 'app'>('app');
  const [error, setError] = useState<WireError | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const problem = name === '' ? null : (keyFileName.safeParse(name).error?.issues[0]?.message ?? null);
  const able = name !== '' && problem === null && (how === 'file' ? file !== null : text.trim() !== '');
  const bring = async () => {
    setError(null);
    try {
      const from = how === 'file' && file !== null ? { file } : { text: `${text.trim()}\n` };
      await call('keys.import', { name, location, ...from });
      tell(`${name} was imported`);
      close();
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  return (
    <Dialog
      title="Import a key"
      width={500}
      onClose={close}
      onSubmit={() => able && void bring()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!able}>
            Import
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <Choice<'file' | 'text'>
        label="From"
        value={how}
        onChange={setHow}
        options={[
          { id: 'file', label: 'A file', hint: 'OpenSSH or PEM, such as a .pem from a cloud provider.' },
          { id: 'text', label: 'Pasted text' },
        ]}
      />
      {how === 'file' ? (
        <div className={css.fileRow}>
          <input
            ref={picker}
            type="file"
            hidden
            aria-hidden="true"
            tabIndex={-1}
            onChange={(event) => {
              const [picked] = event.target.files ?? [];
              if (!picked) return;
              setFile(pathForFile(picked));
              if (name === '')
                setName(picked.name.replace(/\.(pem|key)$/, '').replace(/[^A-Za-z0-9._@+-]/g, '-'));
            }}
          />
          <Button onPress={() => picker.current?.click()}>Choose a file…</Button>
          <span className="mono">{file ?? ''}</span>
        </div>
      ) : (
        <TextField
          label="Private key"
          value={text}
          onChange={setText}
          multiline={6}
          mono
          placeholder="-----BEGIN OPENSSH PRIVATE KEY-----"
        />
      )}
      <TextField label="Name" value={name} onChange={setName} problem={problem} mono />
      <Choice<'ssh' | 'app'>
        label="Place"
        value={location}
        onChange={setLocation}
        options={[
          { id: 'app', label: 'Guesthouse’s own folder' },
          { id: 'ssh', label: '~/.ssh', hint: 'ssh in a terminal uses it too.' },
        ]}
      />
    </Dialog>
  );
}

export function KeyPassphraseDialog({ id }: { id: string }) {
  const key = useKey(id);
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [repeated, setRepeated] = useState('');
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(false);
  if (!key) return null;
  const able = !busy && next === repeated && (key.encrypted === false ? next !== '' : current !== '');
  const change = async () => {
    setBusy(true);
    setError(null);
    try {
      await call('keys.changePassphrase', { id, current, next });
      tell(next === '' ? `${key.name} has no passphrase now` : `${key.name} has a new passphrase`);
      close();
    } catch (cause) {
      setError(toWire(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={key.encrypted ? `Change the passphrase of ${key.name}` : `Set a passphrase for ${key.name}`}
      width={480}
      onClose={close}
      onSubmit={() => able && void change()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!able}>
            {next === '' && key.encrypted ? 'Remove the passphrase' : 'Change it'}
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {key.encrypted && (
        <SecretField label="Passphrase now" value={current} onChange={setCurrent} autoFocus />
      )}
      <SecretField
        label="New passphrase"
        value={next}
        onChange={setNext}
        autoFocus={!key.encrypted}
        hint={key.encrypted ? 'Empty removes it.' : undefined}
      />
      <StrengthMeter text={next} />
      {next !== '' && (
        <SecretField
          label="New passphrase again"
          value={repeated}
          onChange={setRepeated}
          problem={repeated !== '' && repeated !== next ? 'The two are not the same.' : null}
        />
      )}
    </Dialog>
  );
}

export function RemoveKeyDialog({ id, target }: { id: string; target: string }) {
  const key = useKey(id);
  const host = hostNameOf(target);
  if (!key) return null;
  return (
    <Confirm
      title={`Remove ${key.name} from ${host}?`}
      act={`Remove it from ${host}`}
      onClose={close}
      onAct={() => {
        close();
        void call('keys.removeFromHost', { id, target }).catch(tellError);
      }}
    >
      <p>
        Its line is taken out of <span className="mono">~/.ssh/authorized_keys</span> there; other lines stay
        as they are. If this is the only way you log in, you will need a password or the machine’s console
        afterwards.
      </p>
    </Confirm>
  );
}

export function EmptyKeyTrashDialog() {
  return (
    <Confirm
      title="Erase the deleted keys for good?"
      act="Erase them"
      onClose={close}
      onAct={() => {
        close();
        void call('keys.emptyTrash').then(() => tell('The deleted keys are erased'), tellError);
      }}
    >
      <p>Hosts that accept only one of these keys will not let you in any more. This cannot be undone.</p>
    </Confirm>
  );
}
