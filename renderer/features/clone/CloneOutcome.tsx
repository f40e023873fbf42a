import { CircleAlert, CircleCheck, CircleDashed, CircleSlash } from 'lucide-react';
import type { CloneResult } from '../../../shared/model/template.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { type CloneFlow, madeIds, startAndOpen, useCloneFlow } from '../../stores/clone-flow.ts';
import { useGuests } from '../../stores/guests.ts';
import { cancelOperation, useOperations } from '../../stores/operations.ts';
import { openConsoles } from '../../stores/terminals.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { StateDot } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { WorkingDialog } from '../../ui/WorkingDialog.tsx';
import css from './clone.module.css';
import { reportText } from './form.ts';

type Shown = Exclude<CloneFlow, { step: 'idle' }>;

/** A row per clone while it works and afterwards; then the next step. */
export function CloneOutcome({ flow }: { flow: Shown }) {
  return flow.step === 'making' ? <Making flow={flow} /> : <Done flow={flow} />;
}

function Making({ flow }: { flow: Extract<Shown, { step: 'making' }> }) {
  const { plan, results } = flow;
  const operation = useOperations((state) => (flow.operation ? state.byId[flow.operation] : undefined));
  return (
    <WorkingDialog
      title={`Making ${counted(plan.items.length, 'clone')} of ${plan.source.name}`}
      operation={operation}
      width={620}
      testId={testIds.cloneDialog}
      onCancel={cancelOperation}
      onClose={() => useUi.getState().close()}
      below={<Clones flow={flow} results={results} />}
    />
  );
}

function Done({ flow }: { flow: Extract<Shown, { step: 'done' }> }) {
  const { plan, results, took, error, cancelled, started } = flow;
  const ids = madeIds(plan, results);
  const undoable = useOperations(
    (state) => flow.operation !== null && state.byId[flow.operation]?.undoable === true,
  );
  const undo = () => {
    if (flow.operation) call('operations.undo', { id: flow.operation }).catch(tellError);
  };
  const leave = () => {
    useCloneFlow.getState().set({ step: 'idle' });
    useUi.getState().close();
  };
  const dismiss = () => {
    leave();
    if (undoable && !started && ids.length > 0)
      tell(`${counted(ids.length, 'clone')} of ${plan.source.name} made`, { label: 'Undo', run: undo });
  };
  const show = () => {
    const ui = useUi.getState();
    ui.go('guests');
    ui.set({ filter: '', stateFilter: new Set(), tagFilter: new Set() });
    ui.select(ids, ids[0] ?? null);
    dismiss();
  };
  const copy = () => {
    const words = { made: 'made', cancelled: 'not made, cancelled', failed: 'not made' } as const;
    const statusOf = (name: string) => {
      const result = results.find((one) => one.name === name);
      if (!result) return 'not made';
      return result.error ? `${words[result.status]}: ${result.error.message}` : words[result.status];
    };
    writeClipboard(reportText(plan, statusOf)).then(() => tell('The report is on the clipboard'), tellError);
  };
  const open = () => {
    leave();
    if (started) openConsoles(ids).catch(tellError);
    else void startAndOpen(ids, { start: true, consoles: true });
  };
  const consoles = ids.length === 1 ? 'its console' : `${ids.length} consoles`;
  const seconds = took === null ? null : `${(took / 1000).toFixed(1)} s`;
  const all = ids.length === plan.items.length;
  return (
    <Dialog
      title={`Clones of ${plan.source.name}`}
      width={620}
      testId={testIds.cloneDialog}
      onClose={dismiss}
      foot={
        <>
          {undoable && !started && ids.length > 0 && (
            <Button
              look="quiet"
              onPress={() => {
                leave();
                undo();
              }}
            >
              Undo
            </Button>
          )}
          <Button onPress={copy}>Copy report</Button>
          {ids.length > 0 && <Button onPress={show}>Show in list</Button>}
          {ids.length > 0 ? (
            <Button look="primary" onPress={open} autoFocus>
              {started
                ? `Open ${consoles}`
                : ids.length === 1
                  ? 'Start and open its console'
                  : `Start and open ${consoles}`}
            </Button>
          ) : (
            <Button look="primary" onPress={leave} autoFocus>
              Close
            </Button>
          )}
        </>
      }
    >
      <p className={css.done} data-testid={testIds.cloneDone}>
        {all ? (
          <CircleCheck size={18} className={css.good} aria-hidden="true" />
        ) : (
          <CircleSlash size={18} className={css.off} aria-hidden="true" />
        )}
        {all
          ? `${counted(ids.length, 'clone')} made${seconds ? ` in ${seconds}` : ''}`
          : cancelled
            ? `Cancelled: ${ids.length} of ${counted(plan.items.length, 'clone')} made`
            : `${ids.length} of ${counted(plan.items.length, 'clone')} made`}
      </p>
      {!all && ids.length > 0 && (
        <p className="muted">Those that were made are whole. Nothing is left of the others.</p>
      )}
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <Clones flow={flow} results={results} />
    </Dialog>
  );
}

function Clones({ flow, results }: { flow: Shown; results: readonly CloneResult[] }) {
  const byName = new Map(results.map((result) => [result.name, result]));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable table must be reachable by keyboard
    <section className={panes.tableBox} tabIndex={0} aria-label="Clones">
      <table className={panes.table}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Status</th>
            <th scope="col">machine-id</th>
          </tr>
        </thead>
        <tbody>
          {flow.plan.items.map(({ name, identity }) => (
            <tr key={name}>
              <th scope="row" title={name}>
                {name}
              </th>
              <td>
                <Status result={byName.get(name)} over={flow.step === 'done'} />
              </td>
              <td className="mono selectable">{identity.machineId ?? 'as it was'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Status({ result, over }: { result: CloneResult | undefined; over: boolean }) {
  const state = useGuests((guests) => (result?.id ? guests.byId[result.id]?.state : undefined));
  if (result?.status === 'made')
    return state && state !== 'off' ? (
      <StateDot state={state} />
    ) : (
      <span className={css.status}>
        <CircleCheck size={14} className={css.good} aria-hidden="true" />
        Made
      </span>
    );
  if (result?.status === 'failed')
    return (
      <span className={css.status} title={result.error?.message}>
        <CircleAlert size={14} className={css.bad} aria-hidden="true" />
        {result.error?.message ?? 'Not made'}
      </span>
    );
  return (
    <span className={css.status}>
      <CircleDashed size={14} className={css.off} aria-hidden="true" />
      {over || result ? 'Not made' : 'Not yet'}
    </span>
  );
}
