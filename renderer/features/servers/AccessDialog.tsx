import { useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose } from '../../stores/chosen.ts';
import { offerableKeys, refused, useKeyCopies, useKeys } from '../../stores/keys.ts';
import { operationEnd } from '../../stores/operations.ts';
import { useServers } from '../../stores/servers.ts';
import { openSshConsoles } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { typeWords } from '../../ui/key-type.ts';
import { CopyText, Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { ServerFields } from './ServerDialog.tsx';
import { checkServer, emptyForm, type ServerForm, takeApart } from './server-form.ts';
import css from './servers.module.css';

type Step = 'server' | 'key' | 'copy' | 'done';
const titles: readonly (readonly [Step, string])[] = [
  ['server', 'Server'],
  ['key', 'Key'],
  ['copy', 'Copy'],
  ['done', 'Connect'],
];
const newKey = '\u0000new';

/** key -> copy -> connect: from an address and a password to a console without one. */
export function AccessDialog() {
  const servers = useServers((state) => state.all);
  const keys = offerableKeys(useKeys((state) => state.list)).filter((key) => key.path !== null);
  const [step, setStep] = useState<Step>('server');
  const [form, setForm] = useState<ServerForm>(emptyForm);
  const [touched, setTouched] = useState(false);
  const [keyId, setKeyId] = useState<string | null>(null);
  const [how, setHow] = useState<'copy' | 'there'>('copy');
  const [serverId, setServerId] = useState<string | null>(null);
  const [operation, setOperation] = useState<string | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const checked = checkServer(
    takeApart(form, form.address),
    servers.filter((server) => server.id !== serverId).map((server) => server.name),
  );
  const chosenKey = keyId ?? keys[0]?.id ?? newKey;
  const name = checked.spec?.name ?? form.address;
  const close = () => useUi.getState().close();

  const go = async () => {
    setError(null);
    if (step === 'server') {
      setTouched(true);
      setForm(takeApart(form, form.address));
      if (checked.spec) setStep('key');
    } else if (step === 'key' && checked.spec) {
      setStep('copy');
      try {
        let key = chosenKey;
        if (key === newKey) {
          const made = await call('keys.create', {
            name: freeName(keys.map((one) => one.name)),
            comment: 'guesthouse',
          });
          await operationEnd(made.operation);
          key = made.id;
          setKeyId(key);
        }
        // Set to the key before it is there, the server would be offered no other.
        const spec = { ...checked.spec, keyId: how === 'there' ? key : null };
        let id = serverId;
        if (id === null) ({ id } = await call('servers.add', spec));
        else await call('servers.edit', { id, change: spec });
        setServerId(id);
        choose('servers', id);
        const started =
          how === 'copy'
            ? await call('keys.copyId', { id: key, targets: [id] })
            : await call('servers.test', { id });
        setOperation(started.operation);
        await operationEnd(started.operation);
        if (how === 'copy') await call('servers.edit', { id, change: { keyId: key } });
        setStep('done');
      } catch (cause) {
        setError(toWire(cause));
      }
    } else if (step === 'done' && serverId !== null) {
      close();
      await openSshConsoles([serverId]).catch(tellError);
    }
  };
  const act = {
    server: 'Next',
    key: how === 'copy' ? 'Copy the key' : 'Try it',
    copy: 'Working…',
    done: 'Open a console',
  };
  const working = step === 'copy' && error === null;
  return (
    <Dialog
      title="Get access to a cloud server"
      width={540}
      testId={testIds.accessDialog}
      onClose={close}
      onSubmit={() => void go()}
      foot={
        <>
          {(step === 'key' || (step === 'copy' && error)) && (
            <Button
              onPress={() => {
                setError(null);
                setStep(step === 'key' ? 'server' : 'key');
              }}
            >
              Back
            </Button>
          )}
          <Button onPress={close}>
            {working ? 'Go on in the background' : serverId === null ? 'Cancel' : 'Close'}
          </Button>
          {!(step === 'copy') && (
            <Button
              key={step}
              look="primary"
              type="submit"
              // What one pressed before is gone: the keyboard goes on with the last step.
              autoFocus={step === 'done'}
              isDisabled={step === 'server' && touched && !checked.spec}
            >
              {act[step]}
            </Button>
          )}
        </>
      }
    >
      <ol className={css.steps}>
        {titles.map(([id, title], index) => (
          <li key={id} aria-current={id === step ? 'step' : undefined}>
            {index + 1}. {title}
          </li>
        ))}
      </ol>
      {step === 'server' && (
        <>
          <p className="muted">
            What your provider shows: the machine’s public address, and the user its image has.
          </p>
          <ServerFields
            form={form}
            checked={checked}
            touched={touched || form.address !== ''}
            onChange={setForm}
            id={serverId}
            short
          />
        </>
      )}
      {step === 'key' && (
        <>
          <Choice
            label="Log in with"
            autoFocus
            value={chosenKey}
            onChange={setKeyId}
            options={[
              ...keys.map((key) => ({
                id: key.id,
                label: key.name,
                hint: [
                  typeWords(key),
                  key.encrypted ? 'with a passphrase' : 'without a passphrase',
                  ...(refused(key) ? ['ssh refuses it: repair its permissions under Keys first'] : []),
                ].join(', '),
              })),
              {
                id: newKey,
                label: 'A new key',
                hint: 'Ed25519, in ~/.ssh. A passphrase can be set afterwards.',
              },
            ]}
          />
          <Choice<'copy' | 'there'>
            label="The server"
            value={how}
            onChange={setHow}
            options={[
              {
                id: 'copy',
                label: 'lets me in with a password or another key',
                hint: 'The public key is copied now; the password is asked for and not kept.',
              },
              {
                id: 'there',
                label: 'has this key already',
                hint: 'You gave it to the provider when you made the machine.',
              },
            ]}
          />
          {how === 'there' && chosenKey !== newKey && <PublicKey id={chosenKey} />}
        </>
      )}
      {step === 'copy' && (
        <>
          {working && <Progress fraction={null} label={`Connecting to ${name}`} />}
          {error && error.code !== 'cancelled' && <ErrorNote error={error} write={writeClipboard} />}
          {error?.code === 'cancelled' && <p>It was cancelled. Nothing is lost: go back and try again.</p>}
          <Log operation={operation} />
        </>
      )}
      {step === 'done' && (
        <p>
          <b>{name}</b> lets you in with the key. The next log-in asks for nothing.
        </p>
      )}
    </Dialog>
  );
}

function freeName(taken: readonly string[]): string {
  let name = 'id_ed25519';
  for (let n = 2; taken.includes(name); n++) name = `id_ed25519-${n}`;
  return name;
}

function PublicKey({ id }: { id: string }) {
  const [text, setText] = useState<string | null>(null);
  return text === null ? (
    <p>
      <Button
        size="small"
        onPress={() => void call('keys.publicText', { id }).then((line) => setText(line.trim()), tellError)}
      >
        Show the public key
      </Button>
    </p>
  ) : (
    <CopyText text={text} label="public key" write={writeClipboard} wrap />
  );
}

function Log({ operation }: { operation: string | null }) {
  const copy = useKeyCopies((state) => (operation === null ? undefined : state.byOperation[operation]));
  const lines = copy?.hosts.flatMap((host) => host.log) ?? [];
  if (lines.length === 0) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard
    <pre className={`${css.preview} selectable`} tabIndex={0}>
      {lines.join('\n')}
    </pre>
  );
}
