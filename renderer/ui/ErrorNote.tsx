import { CircleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import type { WireError } from '../../shared/errors.ts';
import { Button } from './Button.tsx';
import css from './controls.module.css';
import { testIds } from './testids.ts';

/** An error as one text, for the clipboard. */
export function errorText(error: WireError): string {
  return [error.message, error.why, error.todo, error.detail].filter(Boolean).join('\n');
}

/** What happened, why, and what to do; the log one click away. */
export function ErrorNote({
  error,
  write,
  action,
}: {
  error: WireError;
  write: (text: string) => Promise<void>;
  /** A button that does what is to be done. */
  action?: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  return (
    <div className={css.error} role="alert" data-testid={testIds.errorNote}>
      <CircleAlert size={16} aria-hidden="true" />
      <div className={css.errorBody}>
        <p className={`${css.what} selectable`}>{error.message}</p>
        {error.why && <p className="selectable">{error.why}</p>}
        {error.todo && <p className="selectable">{error.todo}</p>}
        <div className={css.errorButtons}>
          {action}
          {error.detail && (
            <Button size="small" onPress={() => setOpen(!open)} aria-expanded={open}>
              {open ? 'Hide log' : 'Show log'}
            </Button>
          )}
          <Button size="small" onPress={() => void write(errorText(error))}>
            Copy
          </Button>
        </div>
        {open && error.detail && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard
          <pre className={`${css.log} selectable`} tabIndex={0}>
            {error.detail}
          </pre>
        )}
      </div>
    </div>
  );
}
