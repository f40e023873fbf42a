import type { ReactNode } from 'react';
import type { Operation } from '../../shared/model/operation.ts';
import { Button } from './Button.tsx';
import { Dialog } from './Dialog.tsx';
import { Progress } from './parts.tsx';

/** Cancels an operation that can be; nothing for others. */
export function CancelButton(props: {
  operation: Operation | undefined;
  onCancel: (operation: string) => void;
  size?: 'small';
}) {
  const { operation, onCancel, size } = props;
  if (!operation?.cancellable) return null;
  const cancelling = operation.status === 'cancelling';
  return (
    <Button size={size} isDisabled={cancelling} onPress={() => onCancel(operation.id)}>
      {cancelling ? 'Cancelling…' : 'Cancel'}
    </Button>
  );
}

/**
 * The page of a wizard while its work goes on: how far it is, and to cancel it or leave it to itself.
 *
 * @param operation undefined until it has begun
 * @param children instead of the bar and the phase
 */
export function WorkingDialog(props: {
  title: string;
  operation: Operation | undefined;
  width?: number;
  testId: string;
  onCancel: (operation: string) => void;
  onClose: () => void;
  /** Under the bar and the phase. */
  below?: ReactNode;
  children?: ReactNode;
}) {
  const { title, operation, width = 500, testId, onCancel, onClose, below, children } = props;
  return (
    <Dialog
      title={title}
      width={width}
      testId={testId}
      onClose={onClose}
      foot={
        <>
          <CancelButton operation={operation} onCancel={onCancel} />
          <Button look="primary" onPress={onClose} autoFocus>
            Go on in the background
          </Button>
        </>
      }
    >
      {children ?? (
        <>
          <Progress fraction={operation?.fraction ?? null} label={title} />
          <p className="muted" aria-live="polite">
            {operation?.phase || 'Beginning'}
          </p>
          {below}
        </>
      )}
    </Dialog>
  );
}
