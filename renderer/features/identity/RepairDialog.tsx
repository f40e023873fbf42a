import { CircleAlert, CircleCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../../shared/errors.ts';
import { type IdentityPart, identityPartIds, type RepairPlan } from '../../../shared/model/identity.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { startGuest } from '../../stores/consent.ts';
import { useGuests } from '../../stores/guests.ts';
import { useIdentity } from '../../stores/identity.ts';
import { cancelOperation, operationEnd, useOperations } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import { Changes, PartsChoice, usualParts, verificationWords } from '../../ui/IdentityParts.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Dot, Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { WorkingDialog } from '../../ui/WorkingDialog.tsx';
import css from './identity.module.css';
import { MachineState } from './RowParts.tsx';

const close = () => useUi.getState().close();

type Stage =
  | { readonly at: 'choices' }
  | { readonly at: 'planning' }
  | { readonly at: 'preview'; readonly plan: RepairPlan }
  | { readonly at: 'repairing'; readonly plan: RepairPlan; readonly operation: string | null }
  | {
      readonly at: 'done';
      readonly plan: RepairPlan;
      readonly error: WireError | null;
      readonly cancelled: boolean;
    };

type Item = RepairPlan['items'][number];

/** New values for machines that share theirs: who and what, the very values, then the work. */
export function RepairDialog({ ids }: { ids: readonly string[] }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(ids));
  const [parts, setParts] = useState<ReadonlySet<IdentityPart>>(usualParts('repair'));
  const [stage, setStage] = useState<Stage>({ at: ids.length === 1 ? 'planning' : 'choices' });
  const [error, setError] = useState<WireError | null>(null);
  const report = useIdentity((state) => state.report);
  const rowOf = (id: string) => report?.rows.find((row) => row.id === id && row.kind !== 'template');
  const only = ids.length === 1 ? (rowOf(ids[0] ?? '')?.name ?? null) : null;

  const planFor = (wished: readonly string[]) =>
    call('identity.planRepair', {
      ids: [...wished],
      parts: identityPartIds.filter((part) => parts.has(part)),
    });
  const preview = async () => {
    setError(null);
    setStage({ at: 'planning' });
    try {
      setStage({ at: 'preview', plan: await planFor([...chosen]) });
    } catch (cause) {
      setError(toWire(cause));
      setStage({ at: 'choices' });
    }
  };
  // One machine with the usual parts: its preview is what one came for.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it opens
  useEffect(() => {
    if (ids.length === 1) void preview();
  }, []);
  const repair = async (plan: RepairPlan) => {
    setStage({ at: 'repairing', plan, operation: null });
    try {
      const { operation } = await call('identity.repair', { planId: plan.planId });
      setStage({ at: 'repairing', plan, operation });
      await operationEnd(operation);
      setStage({ at: 'done', plan, error: null, cancelled: false });
    } catch (cause) {
      const cancelled = isCancelled(cause);
      setStage({ at: 'done', plan, error: cancelled ? null : toWire(cause), cancelled });
    }
    void useIdentity.getState().fetch();
  };

  if (stage.at === 'repairing') return <Repairing plan={stage.plan} operation={stage.operation} />;
  if (stage.at === 'done') return <Done {...stage} />;
  const able = stage.at === 'preview' ? stage.plan.items.filter((item) => item.error === null) : [];
  const inPreview = stage.at === 'preview';
  return (
    <Dialog
      title={`Repair ${only ?? counted(chosen.size, 'machine')}`}
      width={inPreview ? 760 : 620}
      onClose={close}
      testId={testIds.repairDialog}
      onSubmit={() => {
        if (inPreview && able.length > 0) void repair(stage.plan);
        else if (stage.at === 'choices' && chosen.size > 0 && parts.size > 0) void preview();
      }}
      foot={
        <>
          <span className={panes.stepLine}>
            {inPreview ? 'Step 2 of 2: Preview' : 'Step 1 of 2: Which machines, and what'}
          </span>
          {inPreview && <Button onPress={() => setStage({ at: 'choices' })}>Back</Button>}
          <Button onPress={close}>Cancel</Button>
          <Button
            key={stage.at}
            look="primary"
            type="submit"
            autoFocus={inPreview}
            isDisabled={
              stage.at === 'planning' ||
              (inPreview ? able.length === 0 : chosen.size === 0 || parts.size === 0)
            }
            data-testid={testIds.repairSubmit}
          >
            {inPreview
              ? `Repair ${able.length === 1 ? able[0]?.name : counted(able.length, 'machine')}`
              : 'Preview'}
          </Button>
        </>
      }
    >
      {stage.at === 'planning' && (
        <>
          <Progress fraction={null} label="Making new values" />
          <p className="muted" aria-live="polite">
            Making new values, and reading what stands there now…
          </p>
        </>
      )}
      {stage.at === 'choices' && (
        <>
          {error && <ErrorNote error={error} write={writeClipboard} />}
          {ids.length > 1 && (
            <fieldset className={css.machines}>
              <legend>Machines</legend>
              {ids.map((id) => {
                const row = rowOf(id);
                return (
                  <Checkbox
                    key={id}
                    checked={chosen.has(id)}
                    onChange={(on) => {
                      const next = new Set(chosen);
                      if (on) next.add(id);
                      else next.delete(id);
                      setChosen(next);
                    }}
                  >
                    <span className={css.machine}>
                      {row?.name ?? id}
                      {row && <MachineState row={row} />}
                    </span>
                  </Checkbox>
                );
              })}
              <p className="muted">
                One of each group may keep its values. If you do not know which came first, repair all: a copy
                elsewhere may have them too.
              </p>
            </fieldset>
          )}
          <Disclosure title="What is made new" startsOpen={ids.length === 1}>
            <PartsChoice label="What is made new" chosen={parts} onChange={setParts} />
          </Disclosure>
        </>
      )}
      {inPreview &&
        stage.plan.items.map((item) => <PlannedItem key={item.id} item={item} many={ids.length > 1} />)}
    </Dialog>
  );
}

/** The very values of one machine, and the paths they go to. */
function PlannedItem({ item, many }: { item: Item; many: boolean }) {
  const { identity } = item;
  const was = useIdentity((state) =>
    state.report?.rows.find((row) => row.kind === item.kind && row.id === item.id),
  );
  return (
    <section className={css.planned} aria-label={item.name}>
      <h3>
        {item.name}{' '}
        <span className="muted">{item.via === 'disk' ? 'on its disk' : 'over SSH, while it runs'}</span>
      </h3>
      {item.error ? (
        <ErrorNote error={item.error} write={writeClipboard} />
      ) : (
        <>
          <dl className={panes.facts}>
            {identity.machineId && <NewValue name="machine-id" value={identity.machineId} of={item.name} />}
            {identity.hostname && (
              <>
                <dt>Hostname</dt>
                <dd>{identity.hostname}</dd>
              </>
            )}
            {identity.hostKeys.map((key) => (
              <NewValue
                key={key.fingerprint}
                name="host key"
                value={key.fingerprint}
                note={key.type}
                of={item.name}
              />
            ))}
            {identity.uuid && identity.uuid !== was?.uuid && (
              <NewValue name="UUID" value={identity.uuid} of={item.name} />
            )}
            {identity.macs.map((mac) => (
              <NewValue key={mac} name="MAC" value={mac} of={item.name} />
            ))}
          </dl>
          {item.warnings.map((warning) => (
            <p key={warning} className={panes.note}>
              {warning}
            </p>
          ))}
          {many ? (
            <Disclosure title={`${counted(item.changes.length, 'path')} will change`}>
              <Changes changes={item.changes} label={`Paths that change on ${item.name}`} />
            </Disclosure>
          ) : (
            <Changes changes={item.changes} label={`Paths that change on ${item.name}`} />
          )}
        </>
      )}
    </section>
  );
}

function NewValue({ name, value, note, of }: { name: string; value: string; note?: string; of: string }) {
  return (
    <>
      <dt>New {name}</dt>
      <dd className={css.hostKey}>
        <CopyText text={value} label={`new ${note ?? name} of ${of}`} write={writeClipboard} />
        {note && <span className="muted">{note}</span>}
      </dd>
    </>
  );
}

function Repairing({ plan, operation: id }: { plan: RepairPlan; operation: string | null }) {
  const operation = useOperations((state) => (id === null ? undefined : state.byId[id]));
  return (
    <WorkingDialog
      title={`Repairing ${counted(plan.items.filter((item) => !item.error).length, 'machine')}`}
      operation={operation}
      testId={testIds.repairDialog}
      onCancel={cancelOperation}
      onClose={close}
    />
  );
}

function Done({ plan, error, cancelled }: { plan: RepairPlan; error: WireError | null; cancelled: boolean }) {
  return (
    <Dialog
      title={error || cancelled ? 'Not all were repaired' : 'Repaired'}
      width={620}
      onClose={close}
      testId={testIds.repairDialog}
      foot={
        <Button look="primary" onPress={close} autoFocus>
          Close
        </Button>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {cancelled && <p>Cancelled. Each machine was either repaired whole or left as it was.</p>}
      <ul className={css.results}>
        {plan.items.map((item) => (
          <Result key={item.id} item={item} />
        ))}
      </ul>
      <p className="muted">The old values are kept: a machine that is off can have them back.</p>
    </Dialog>
  );
}

/** What stands there now, as the fresh report says, and the next step of this machine. */
function Result({ item }: { item: Item }) {
  const row = useIdentity((state) =>
    state.report?.rows.find((one) => one.kind === item.kind && one.id === item.id),
  );
  const state = useGuests((guests) => (item.kind === 'guest' ? guests.byId[item.id]?.state : undefined));
  const written =
    item.error === null &&
    row?.facts != null &&
    (item.identity.machineId === null ||
      row.facts.machineId === item.identity.machineId ||
      row.verification === 'restart-needed');
  const words = verificationWords[row?.verification ?? 'none'];
  return (
    <li>
      {written ? (
        <CircleCheck size={16} className={css.good} aria-label="Repaired" />
      ) : (
        <CircleAlert size={16} className={css.bad} aria-label="Not repaired" />
      )}
      <b>{item.name}</b>
      {written && row ? (
        <span>
          <Dot tone={words.tone} word={words.word} /> <span className="muted">{words.meaning}</span>
        </span>
      ) : (
        <span className="muted">{item.error?.message ?? 'as it was'}</span>
      )}
      {written && row?.verification === 'restart-needed' && state === 'running' && (
        <Button
          size="small"
          aria-label={`Restart ${item.name} now`}
          onPress={() => void call('guests.reboot', { id: item.id }).catch(tellError)}
        >
          Restart now
        </Button>
      )}
      {written && row?.verification === 'planned' && state === 'off' && (
        <Button size="small" aria-label={`Start ${item.name}`} onPress={() => void startGuest(item.id)}>
          Start
        </Button>
      )}
    </li>
  );
}

/** Putting back the values from before a repair brings a duplicate back: it says so. */
export function IdentityRestoreDialog({ id }: { id: string }) {
  const guest = useGuests((state) => state.byId[id]);
  const row = useIdentity((state) => state.report?.rows.find((one) => one.id === id));
  const name = guest?.name ?? row?.name ?? id;
  const off = guest?.state === 'off' || guest?.state === 'crashed';
  const overSsh = guest ? guest.state === 'running' : row?.kind === 'server';
  return (
    <Confirm
      title={`Put back the old identity of ${name}?`}
      act="Put back the old values"
      dangerous={false}
      busy={!off && !overSsh}
      onClose={close}
      onAct={() => {
        close();
        call('identity.restore', { id }).catch(tellError);
      }}
    >
      <p>
        Its machine-id, SSH host keys, UUID and MAC addresses become what they were before the last repair. If
        another machine has the same, the two are doubles again.
      </p>
      <p className="muted">
        {overSsh
          ? 'It runs, so this is done over SSH and counts from its next boot. The values of the repair are not kept.'
          : off
            ? 'The values of the repair are not kept: another repair makes new ones.'
            : `${name} must be off, or running, for that.`}
      </p>
    </Confirm>
  );
}
