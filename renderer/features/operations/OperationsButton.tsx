import { ChevronDown } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Dialog, DialogTrigger, Heading, Popover } from 'react-aria-components';
import type { Operation } from '../../../shared/model/operation.ts';
import { call } from '../../bridge/call.ts';
import { cancelOperation, isUnderWay, useOperations } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { counted, duration } from '../../ui/format.ts';
import overlays from '../../ui/overlays.module.css';
import { Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { CancelButton } from '../../ui/WorkingDialog.tsx';
import css from './operations.module.css';

const shownEnded = 12;

/** How many jobs are under way; behind it each with its progress and cancel, and the last ended ones. */
export function OperationsButton() {
  const operations = useOperations((state) => state.all);
  const busy = operations.filter(isUnderWay);
  const ended = operations.filter((operation) => !isUnderWay(operation)).reverse();
  return (
    <DialogTrigger>
      <Button look={busy.length > 0 ? 'plain' : 'quiet'} data-testid={testIds.operationsButton}>
        {busy.length === 0 ? 'Operations' : counted(busy.length, 'operation')}
        <ChevronDown size={14} aria-hidden="true" />
      </Button>
      <Popover className={overlays.popover} placement="bottom end" offset={4}>
        <Dialog className={css.list} data-testid={testIds.operationsPopover}>
          <Heading slot="title" level={2} className={css.head}>
            Operations
          </Heading>
          {operations.length === 0 && (
            <p className={css.none}>Nothing was done yet. Long jobs show here, and can be cancelled here.</p>
          )}
          {[...busy, ...ended.slice(0, shownEnded)].map((operation) => (
            <Item key={operation.id} operation={operation} />
          ))}
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

/** The time now, while `running`: durations count on. */
function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

function Item({ operation }: { operation: Operation }) {
  const underWay = isUnderWay(operation);
  const now = useNow(underWay);
  const time = duration((operation.endedAt ?? now) - operation.startedAt);
  const undo = () => void call('operations.undo', { id: operation.id }).catch(tellError);
  const { error } = operation;
  return (
    <div className={css.item}>
      <div className={css.line}>
        <span>{operation.title}</span>
        {underWay && <CancelButton size="small" operation={operation} onCancel={cancelOperation} />}
        {operation.undoable && (
          <Button size="small" onPress={undo}>
            Undo
          </Button>
        )}
        {error && (
          <Button size="small" onPress={() => useUi.getState().open({ kind: 'error', error })}>
            Details
          </Button>
        )}
      </div>
      {underWay && <Progress fraction={operation.fraction} label={operation.title} />}
      <span className={css.sub}>
        {underWay ? (
          `${operation.phase || 'Beginning'}, ${time}`
        ) : operation.status === 'failed' ? (
          <span className={css.failed}>{error?.message ?? 'Failed'}</span>
        ) : operation.status === 'cancelled' ? (
          `Cancelled after ${time}`
        ) : (
          `Done in ${time}`
        )}
      </span>
    </div>
  );
}
