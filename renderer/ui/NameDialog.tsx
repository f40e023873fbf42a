import { useEffect, useRef, useState } from 'react';
import { toWire, type WireError } from '../../shared/errors.ts';
import { Button } from './Button.tsx';
import { Dialog } from './Dialog.tsx';
import { ErrorNote } from './ErrorNote.tsx';
import { TextField } from './Field.tsx';
import { testIds } from './testids.ts';

/** Asks for a name, and does what it is for: closes when that is done, and says what went wrong otherwise. */
export function NameDialog({
  title,
  act,
  name: first,
  hint,
  problemOf,
  onName,
  onClose,
  write,
}: {
  title: string;
  /** "Rename", never "OK". */
  act: string;
  /** What stands there to begin with, all of it selected. */
  name: string;
  hint?: string;
  /** A sentence saying what is wrong with a name, or null. */
  problemOf: (name: string) => string | null;
  onName: (name: string) => Promise<unknown>;
  onClose: () => void;
  /** Copies an error to the clipboard. */
  write: (text: string) => Promise<void>;
}) {
  const [name, setName] = useState(first);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const problem = problemOf(name);
  const submit = async () => {
    if (problem || busy) return;
    setBusy(true);
    setError(null);
    try {
      await onName(name);
      onClose();
    } catch (cause) {
      setError(toWire(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={problem !== null || busy}
            data-testid={testIds.dialogConfirm}
          >
            {act}
          </Button>
        </>
      }
    >
      <TextField
        label="Name"
        value={name}
        onChange={setName}
        problem={problem}
        inputRef={input}
        autoFocus
        hint={hint}
      />
      {error && <ErrorNote error={error} write={write} />}
    </Dialog>
  );
}
