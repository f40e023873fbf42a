import type { WireError } from '../../shared/errors.ts';
import type { Operation } from '../../shared/model/operation.ts';
import { Button } from './Button.tsx';
import { ErrorNote } from './ErrorNote.tsx';
import css from './panes.module.css';
import { Progress } from './parts.tsx';

/** Says that a guest must be off first, and does it. */
export function ShutFirst({
  name,
  why,
  operation,
  error,
  begin,
  cancel,
  force,
  write,
}: {
  name: string;
  /** e.g. "Its disk can be read and copied only while it is off." */
  why: string;
  operation: Operation | undefined;
  error: WireError | null;
  begin: () => void;
  cancel: () => void;
  force: () => void;
  write: (text: string) => Promise<void>;
}) {
  return (
    <div className={css.note}>
      <p>
        {name} is on. {why}
      </p>
      {operation ? (
        <div className={css.waiting}>
          <Progress fraction={operation.fraction} label={operation.title} />
          <div className={css.waitingLine}>
            <span aria-live="polite">{operation.phase || operation.title}</span>
            {operation.cancellable && (
              <Button size="small" isDisabled={operation.status === 'cancelling'} onPress={cancel}>
                {operation.status === 'cancelling' ? 'Cancelling…' : 'Cancel'}
              </Button>
            )}
          </div>
        </div>
      ) : (
        <div className={css.waiting}>
          {error && <ErrorNote error={error} write={write} />}
          <div className={css.buttons}>
            <Button size="small" onPress={begin}>
              {error ? 'Ask again to shut down' : 'Shut it down'}
            </Button>
            {error && (
              <Button size="small" look="danger" onPress={force}>
                Force off: what is not written is lost
              </Button>
            )}
          </div>
        </div>
      )}
    </div>
  );
}
