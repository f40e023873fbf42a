import { CircleCheck, CircleDashed, LoaderCircle } from 'lucide-react';
import { useState } from 'react';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { startGuest } from '../../stores/consent.ts';
import { openScreens } from '../../stores/consoles.ts';
import { type CreateFlow, useCreateFlow } from '../../stores/create-flow.ts';
import { useGuests } from '../../stores/guests.ts';
import { cancelOperation, useOperations } from '../../stores/operations.ts';
import { openConsoles } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { Progress, StateDot } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { WorkingDialog } from '../../ui/WorkingDialog.tsx';
import css from './create.module.css';

const close = () => useUi.getState().close();
const reset = () => useCreateFlow.getState().set({ step: 'idle' });

const steps = [
  { id: 'building', title: 'Build Debian 12' },
  { id: 'creating', title: 'Make the guest' },
  { id: 'opening', title: 'Start it and open its console' },
] as const;

type Busy = Extract<CreateFlow, { step: 'building' | 'creating' | 'opening' }>;

/** What is being made, step by step, and what can be done next. */
export function Doing({ flow }: { flow: Exclude<CreateFlow, { step: 'idle' }> }) {
  if (flow.step === 'failed') return <Failed flow={flow} />;
  if (flow.step === 'made') return <Made flow={flow} />;
  return <Working flow={flow} />;
}

function Failed({ flow }: { flow: Extract<CreateFlow, { step: 'failed' }> }) {
  const leave = () => {
    reset();
    close();
  };
  return (
    <Dialog
      title={`${flow.name} was not made`}
      width={500}
      testId={testIds.createDialog}
      onClose={leave}
      foot={
        <>
          <Button onPress={leave}>Close</Button>
          <Button look="primary" onPress={reset}>
            Back
          </Button>
        </>
      }
    >
      <ErrorNote error={flow.error} write={writeClipboard} />
    </Dialog>
  );
}

function Working({ flow }: { flow: Busy }) {
  const operation = useOperations((state) =>
    flow.operation === null ? undefined : state.byId[flow.operation],
  );
  // The first step is not shown again once the image is there, unless it was part of this run.
  const [from] = useState(flow.step);
  const [starter] = useState(() => flow.step !== 'creating' || flow.operation === null);
  const shown = steps.filter(
    (step) => (step.id !== 'building' || from === 'building') && (step.id !== 'opening' || starter),
  );
  const now = shown.findIndex((step) => step.id === flow.step);
  return (
    <WorkingDialog
      title={`Making ${flow.name}`}
      operation={operation}
      testId={testIds.createDialog}
      onCancel={cancelOperation}
      onClose={close}
    >
      <div className={css.steps} data-testid={testIds.createProgress}>
        {shown.map((step, index) => {
          const state = index < now ? 'done' : index === now ? 'now' : 'later';
          return (
            <div
              key={step.id}
              className={`${css.step} ${state === 'done' ? css.done : ''}`}
              data-now={state === 'now' ? '' : undefined}
            >
              {state === 'done' ? (
                <CircleCheck size={16} aria-label="Done" />
              ) : state === 'now' ? (
                <LoaderCircle size={16} aria-label="Under way" />
              ) : (
                <CircleDashed size={16} aria-label="Not begun" />
              )}
              <div>
                {step.title}
                {state === 'now' && (
                  <>
                    <Progress fraction={operation?.fraction ?? null} label={step.title} />
                    <small aria-live="polite">{operation?.phase || 'Beginning'}</small>
                  </>
                )}
              </div>
            </div>
          );
        })}
      </div>
    </WorkingDialog>
  );
}

/** A guest made of a file: what it is doing, and the obvious next step. */
function Made({ flow }: { flow: Extract<CreateFlow, { step: 'made' }> }) {
  const guest = useGuests((state) => state.byId[flow.id]);
  const leave = () => {
    reset();
    close();
  };
  const live = guest !== undefined && guest.pid !== null;
  const open = () => {
    leave();
    void openConsoles([flow.id]).catch(tellError);
  };
  const screen = () => {
    leave();
    openScreens([flow.id]);
  };
  return (
    <Dialog
      title={`${flow.name} is made`}
      width={500}
      testId={testIds.createDialog}
      onClose={leave}
      foot={
        <>
          <Button onPress={leave}>Close</Button>
          {!live && guest?.state === 'off' && (
            <Button onPress={() => void startGuest(flow.id)}>Start it</Button>
          )}
          <Button onPress={open} data-testid={testIds.createOpen}>
            Open console
          </Button>
          <Button look="primary" onPress={screen} autoFocus>
            Open screen
          </Button>
        </>
      }
    >
      <div className={css.review} data-testid={testIds.createDone}>
        <p className={css.state}>{guest && <StateDot state={guest.state} />}</p>
        {flow.changes.map((change) => (
          <p key={change}>{change}</p>
        ))}
        {guest?.problem && <ErrorNote error={guest.problem} write={writeClipboard} />}
      </div>
    </Dialog>
  );
}
