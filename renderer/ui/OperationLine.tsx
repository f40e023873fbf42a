import type { Operation } from '../../shared/model/operation.ts';
import { cx } from './cx.ts';
import css from './panes.module.css';
import { Progress } from './parts.tsx';
import { CancelButton } from './WorkingDialog.tsx';

/** What is being done with the one thing whose details these are; nothing while nothing is. */
export function OperationLine({
  operation,
  onCancel,
  flush = false,
}: {
  operation: Operation | undefined;
  onCancel: (operation: string) => void;
  /** Within something that keeps its own distance from the edge. */
  flush?: boolean;
}) {
  if (!operation) return null;
  return (
    <div className={cx(css.doing, flush && css.flush)} role="status">
      <div className={css.doingLine}>
        <span>{operation.phase || operation.title}</span>
        <CancelButton size="small" operation={operation} onCancel={onCancel} />
      </div>
      <Progress fraction={operation.fraction} label={operation.title} />
    </div>
  );
}
