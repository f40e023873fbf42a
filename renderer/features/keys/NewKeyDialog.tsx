import { useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { keyFileName } from '../../../shared/ipc/keys.ts';
import type { KeyType } from '../../../shared/model/key.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose } from '../../stores/chosen.ts';
import { useKey, useKeys } from '../../stores/keys.ts';
import { operationEnd } from '../../stores/operations.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { CopyText, Progress } from '../../ui/parts.tsx';
import { SecretField } from '../../ui/SecretField.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './keys.module.css';
import { StrengthMeter } from './StrengthMeter.tsx';

type Kind = 'ed25519' | 'rsa-3072' | 'rsa-4096' | 'ecdsa-256' | 'ed25519-sk' | 'ecdsa-sk';
const kinds: Readonly<Record<Kind, { type: KeyType; bits: 256 | 3072 | 4096 | null; file: string }>> = {
  ed25519: { type: 'ed25519', bits: null, file: 'id_ed25519' },
  'rsa-3072': { type: 'rsa', bits: 3072, file: 'id_rsa' },
  'rsa-4096': { type: 'rsa', bits: 4096, file: 'id_rsa' },
  'ecdsa-256': { type: 'ecdsa', bits: 256, file: 'id_ecdsa' },
  'ed25519-sk': { type: 'ed25519-sk', bits: null, file: 'id_ed25519_sk' },
  'ecdsa-sk': { type: 'ecdsa-sk', bits: null, file: 'id_ecdsa_sk' },
};

/** Why this cannot be the key's file name, or null. */
function nameProblem(name: string, taken: ReadonlySet<string>): string | null {
  if (name === '') return 'Enter a name.';
  if (taken.has(name)) return 'There is a key of this name there already.';
  return keyFileName.safeParse(name).error?.issues[0]?.message ?? null;
}

/** The first of id_ed25519, id_ed25519-2, … that is free. */
function freeName(base: string, taken: ReadonlySet<string>): string {
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}-${n}`;
  return name;
}

/** "New key": a name and a passphrase; all else has a right answer already. */
export function NewKeyDialog() {
  const list = useKeys((state) => state.list);
  const [location, setLocation] = useState<'ssh' | 'app'>('ssh');
  const [kind, setKind] = useState<Kind>('ed25519');
  const [typed, setTyped] = useState<string | null>(null);
  const [comment, setComment] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [repeated, setRepeated] = useState('');
  const [state, setState] = useState<
    { step: 'form' | 'making'; error: WireError | null } | { step: 'made'; id: string }
  >({
    step: 'form',
    error: null,
  });
  const taken = new Set((list?.keys ?? []).filter((key) => key.location === location).map((key) => key.name));
  const name = typed ?? freeName(kinds[kind].file, taken);
  const problem = nameProblem(name, taken);
  const close = () => useUi.getState().close();
  if (state.step === 'made') return <Made id={state.id} onClose={close} />;

  const mismatch = passphrase !== repeated && repeated !== '' ? 'The two are not the same.' : null;
  const able = problem === null && passphrase === repeated && state.step === 'form';
  const make = async () => {
    setState({ step: 'making', error: null });
    try {
      const { type, bits } = kinds[kind];
      const started = await call('keys.create', { name, location, type, bits, comment, passphrase });
      setPassphrase('');
      setRepeated('');
      await operationEnd(started.operation);
      choose('keys', started.id);
      setState({ step: 'made', id: started.id });
    } catch (error) {
      setState({ step: 'form', error: toWire(error) });
    }
  };
  return (
    <Dialog
      title="New key"
      width={500}
      onClose={close}
      onSubmit={() => able && void make()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!able} data-testid={testIds.keySubmit}>
            {state.step === 'making' ? 'Making it…' : 'Make the key'}
          </Button>
        </>
      }
    >
      {state.error && state.error.code !== 'cancelled' && (
        <ErrorNote error={state.error} write={writeClipboard} />
      )}
      <TextField
        label="Name"
        value={name}
        onChange={setTyped}
        problem={problem}
        hint={`The file ${location === 'ssh' ? '~/.ssh/' : 'in Guesthouse’s folder: '}${name}`}
        mono
        testId={testIds.keyName}
        autoFocus
      />
      <SecretField
        label="Passphrase"
        value={passphrase}
        onChange={setPassphrase}
        hint="Locks the file. The agent can keep it unlocked while you work."
        testId="key-passphrase"
      />
      <StrengthMeter text={passphrase} />
      {passphrase !== '' && (
        <SecretField
          label="Passphrase again"
          value={repeated}
          onChange={setRepeated}
          problem={mismatch}
          testId="key-passphrase-again"
        />
      )}
      <Disclosure title="Type, comment and place">
        <Choice<Kind>
          label="Type"
          value={kind}
          onChange={setKind}
          options={[
            {
              id: 'ed25519',
              label: 'Ed25519',
              hint: 'Small, fast and safe. Right for everything since 2014.',
            },
            { id: 'rsa-3072', label: 'RSA, 3072 bits', hint: 'For old systems and some appliances.' },
            { id: 'rsa-4096', label: 'RSA, 4096 bits', hint: 'Where a rule asks for it.' },
            { id: 'ecdsa-256', label: 'ECDSA, 256 bits', hint: 'Where a rule asks for a NIST curve.' },
            ...(list?.securityKey
              ? ([
                  {
                    id: 'ed25519-sk',
                    label: 'Ed25519 on a security key',
                    hint: 'The private half never leaves the device; each use wants a touch.',
                  },
                  { id: 'ecdsa-sk', label: 'ECDSA on a security key', hint: 'For older FIDO devices.' },
                ] as const)
              : []),
          ]}
        />
        <TextField
          label="Comment"
          value={comment}
          onChange={setComment}
          placeholder="you@laptop"
          hint="Stands at the end of the public key, so that hosts’ administrators know whose it is."
        />
        <Choice<'ssh' | 'app'>
          label="Place"
          value={location}
          onChange={setLocation}
          options={[
            { id: 'ssh', label: '~/.ssh', hint: 'ssh in a terminal uses it too.' },
            { id: 'app', label: 'Guesthouse’s own folder', hint: 'Only Guesthouse uses it.' },
          ]}
        />
      </Disclosure>
      {state.step === 'making' && <Progress fraction={null} label="Making the key" />}
    </Dialog>
  );
}

/** What was made, and the next step as a button. */
function Made({ id, onClose }: { id: string; onClose: () => void }) {
  const key = useKey(id);
  const copyText = async () => {
    await writeClipboard(await call('keys.publicText', { id }));
    tell('The public key is on the clipboard');
  };
  return (
    <Dialog
      title={key ? `${key.name} is made` : 'The key is made'}
      width={500}
      onClose={onClose}
      foot={
        <>
          <Button onPress={() => void copyText().catch(tellError)}>Copy the public key</Button>
          <Button onPress={onClose}>Close</Button>
          <Button
            look="primary"
            autoFocus
            onPress={() => useUi.getState().open({ kind: 'copy-key', key: id, targets: [] })}
          >
            Copy it to hosts…
          </Button>
        </>
      }
    >
      {key?.fingerprint && (
        <p>
          <CopyText text={key.fingerprint} label="fingerprint" write={writeClipboard} wrap />
        </p>
      )}
      {key?.randomart && <pre className={css.art}>{key.randomart}</pre>}
      <p className="muted">
        Nobody accepts it yet. Copy its public half to the guests and servers that are to let you in.
      </p>
    </Dialog>
  );
}
