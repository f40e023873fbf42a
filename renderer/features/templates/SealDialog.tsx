import { CircleCheck } from 'lucide-react';
import { useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../../shared/errors.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import { type IdentityPart, identityPartIds } from '../../../shared/model/identity.ts';
import { nameProblem } from '../../../shared/model/names.ts';
import type { SealPlan } from '../../../shared/model/template.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGuests } from '../../stores/guests.ts';
import { cancelOperation, operationEnd, useOperations } from '../../stores/operations.ts';
import { useShutDown } from '../../stores/shut-down.ts';
import { showTemplate, useTemplates } from '../../stores/templates.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { counted } from '../../ui/format.ts';
import { Changes, PartsChoice, usualParts } from '../../ui/IdentityParts.tsx';
import panes from '../../ui/panes.module.css';
import { Empty } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { ShutFirst } from '../../ui/ShutFirst.tsx';
import { testIds } from '../../ui/testids.ts';
import { WorkingDialog } from '../../ui/WorkingDialog.tsx';

const close = () => useUi.getState().close();
const isOff = (guest: Guest) => guest.state === 'off' || guest.state === 'crashed';

interface SealForm {
  readonly name: string;
  readonly keep: boolean;
  readonly parts: ReadonlySet<IdentityPart>;
  readonly description: string;
}

type Stage =
  | { readonly at: 'choices' }
  | { readonly at: 'planning' }
  | { readonly at: 'preview'; readonly plan: SealPlan }
  | { readonly at: 'sealing'; readonly plan: SealPlan; readonly operation: string | null }
  | { readonly at: 'done'; readonly plan: SealPlan; readonly id: string };

/** Guest to template: off first, what is emptied, the very paths, then the work with a way to stop it. */
export function SealDialog({ id }: { id: string | null }) {
  const guests = useGuests((state) => state.all);
  const can = guests.filter((guest) => guest.state !== 'broken' && guest.state !== 'saved');
  const [chosen, setChosen] = useState(() => id ?? (can.find(isOff) ?? can[0])?.id ?? null);
  const [first] = useState(() => guests.find((guest) => guest.id === chosen));
  // A converted guest is gone from the list, and its dialog still speaks of it.
  const guest = guests.find((one) => one.id === chosen) ?? (first?.id === chosen ? first : undefined);
  if (!guest)
    return (
      <Dialog
        title="Make a template"
        onClose={close}
        testId={testIds.sealDialog}
        foot={<Button onPress={close}>Close</Button>}
      >
        <Empty
          title="There is no guest to seal"
          action={
            <Button look="primary" onPress={() => useUi.getState().open({ kind: 'new-guest' })}>
              New guest…
            </Button>
          }
        >
          A template is made from a guest: make one, set it up, and shut it down.
        </Empty>
      </Dialog>
    );
  return <Wizard key={guest.id} guest={guest} others={id === null ? can : []} onGuest={setChosen} />;
}

function Wizard({
  guest,
  others,
  onGuest,
}: {
  guest: Guest;
  /** More than one: which guest is still to be chosen. */
  others: readonly Guest[];
  onGuest: (id: string) => void;
}) {
  const [form, setForm] = useState<SealForm>({
    name: guest.name,
    keep: false,
    parts: usualParts('seal'),
    description: guest.description,
  });
  const [stage, setStage] = useState<Stage>({ at: 'choices' });
  const [error, setError] = useState<WireError | null>(null);
  const names = useTaken(guest.id, form.keep);
  const taken = names.has(form.name.toLowerCase());
  const problem = nameProblem(form.name) ?? (taken ? 'A guest or template has this name.' : null);
  const put = (patch: Partial<SealForm>) => setForm({ ...form, ...patch });
  const fine = problem === null && isOff(guest);

  const preview = async () => {
    setError(null);
    setStage({ at: 'planning' });
    try {
      const plan = await call('templates.planSeal', {
        id: guest.id,
        name: form.name,
        keep: form.keep,
        parts: identityPartIds.filter((part) => form.parts.has(part)),
        description: form.description,
        tags: [...guest.tags],
      });
      setStage({ at: 'preview', plan });
    } catch (cause) {
      setError(toWire(cause));
      setStage({ at: 'choices' });
    }
  };
  const seal = async (plan: SealPlan) => {
    setError(null);
    setStage({ at: 'sealing', plan, operation: null });
    try {
      const { operation, id } = await call('templates.seal', { planId: plan.planId });
      setStage({ at: 'sealing', plan, operation });
      await operationEnd(operation);
      setStage({ at: 'done', plan, id });
    } catch (cause) {
      if (!isCancelled(cause)) setError(toWire(cause));
      setStage({ at: 'choices' });
    }
  };

  switch (stage.at) {
    case 'choices':
    case 'planning':
      return (
        <Dialog
          title={`Make a template of ${guest.name}`}
          width={720}
          onClose={close}
          testId={testIds.sealDialog}
          onSubmit={() => {
            if (fine && stage.at === 'choices') void preview();
          }}
          foot={
            <>
              <span className={panes.stepLine}>Step 1 of 2: What is sealed</span>
              <Button onPress={close}>Cancel</Button>
              {/* Keys: a button that takes another's place would take its click, too. */}
              <Button
                key="preview"
                look="primary"
                type="submit"
                isDisabled={!fine || stage.at === 'planning'}
                data-testid={testIds.sealSubmit}
              >
                {stage.at === 'planning' ? 'Reading the disk…' : 'Preview'}
              </Button>
            </>
          }
        >
          <Choices guest={guest} others={others} onGuest={onGuest} form={form} put={put} problem={problem} />
          {error && <ErrorNote error={error} write={writeClipboard} />}
        </Dialog>
      );
    case 'preview':
      return (
        <Dialog
          title={`Make a template of ${guest.name}`}
          width={680}
          onClose={close}
          testId={testIds.sealDialog}
          onSubmit={() => void seal(stage.plan)}
          foot={
            <>
              <span className={panes.stepLine}>Step 2 of 2: Preview</span>
              <Button key="back" onPress={() => setStage({ at: 'choices' })}>
                Back
              </Button>
              <Button onPress={close}>Cancel</Button>
              <Button key="seal" look="primary" type="submit" autoFocus data-testid={testIds.sealSubmit}>
                {form.keep ? 'Make the template' : 'Seal it'}
              </Button>
            </>
          }
        >
          <Preview guest={guest} form={form} plan={stage.plan} />
        </Dialog>
      );
    case 'sealing':
      return <Sealing name={stage.plan.name} operation={stage.operation} />;
    case 'done':
      return <Done name={stage.plan.name} id={stage.id} guest={form.keep ? guest.name : null} />;
  }
}

/** Names in use, in small letters. A guest that becomes a template gives its own name on. */
function useTaken(guestId: string, keep: boolean): ReadonlySet<string> {
  const guests = useGuests((state) => state.all);
  const templates = useTemplates((state) => state.all);
  return new Set(
    [...guests.filter((guest) => keep || guest.id !== guestId), ...templates].map((one) =>
      one.name.toLowerCase(),
    ),
  );
}

function Choices({
  guest,
  others,
  onGuest,
  form,
  put,
  problem,
}: {
  guest: Guest;
  others: readonly Guest[];
  onGuest: (id: string) => void;
  form: SealForm;
  put: (patch: Partial<SealForm>) => void;
  problem: string | null;
}) {
  const down = useShutDown(guest.id);
  const names = useTaken(guest.id, true);
  const rename = (keep: boolean) => {
    // A copy cannot have the guest's own name: offer one, unless one was typed already.
    if (keep && form.name === guest.name) {
      let name = `${guest.name}-template`;
      for (let n = 2; names.has(name.toLowerCase()); n++) name = `${guest.name}-template-${n}`;
      put({ keep, name });
    } else if (!keep && form.name.startsWith(`${guest.name}-template`)) put({ keep, name: guest.name });
    else put({ keep });
  };
  return (
    <>
      {others.length > 1 && (
        <Select
          label="Guest"
          value={guest.id}
          onChange={onGuest}
          groups={[
            {
              title: 'Off',
              options: others.filter(isOff).map((one) => ({ id: one.id, label: one.name })),
            },
            {
              title: 'On: must be shut down first',
              options: others.filter((one) => !isOff(one)).map((one) => ({ id: one.id, label: one.name })),
            },
          ]}
        />
      )}
      {!isOff(guest) && (
        <ShutFirst
          name={guest.name}
          why="Its disk can be sealed only while it is off."
          {...down}
          write={writeClipboard}
        />
      )}
      <Choice
        label="The guest itself"
        value={form.keep ? 'keep' : 'convert'}
        onChange={(value) => rename(value === 'keep')}
        options={[
          {
            id: 'convert',
            label: 'becomes the template',
            hint: 'It leaves the list of guests and never starts again. To go on working in it, clone it.',
          },
          {
            id: 'keep',
            label: 'stays as it is',
            hint: 'Its disk is copied, and the copy is sealed.',
          },
        ]}
      />
      <div className={panes.two}>
        <TextField
          label="Name of the template"
          value={form.name}
          onChange={(name) => put({ name })}
          problem={problem}
          autoFocus
        />
        <TextField
          label="Description"
          value={form.description}
          onChange={(description) => put({ description })}
          placeholder="What is installed in it"
        />
      </div>
      <Disclosure
        title={`What is emptied: ${counted(form.parts.size, 'thing')} of ${identityPartIds.length}`}
        startsOpen
      >
        <PartsChoice label="What is emptied" chosen={form.parts} onChange={(parts) => put({ parts })} />
      </Disclosure>
    </>
  );
}

function Preview({ guest, form, plan }: { guest: Guest; form: SealForm; plan: SealPlan }) {
  return (
    <>
      <p>
        {form.keep
          ? `${guest.name} is copied and stays as it is. On the copy, `
          : `${guest.name} becomes the template ${plan.name} and never starts again. On its disk, `}
        {counted(plan.changes.length, 'path')} will change:
      </p>
      {plan.warnings.map((warning) => (
        <p key={warning} className={panes.note}>
          {warning}
        </p>
      ))}
      <Changes changes={plan.changes} label="Paths that change" />
      <p className="muted">Private keys are overwritten on the disk, not only removed.</p>
    </>
  );
}

export function Sealing({ name, operation: id }: { name: string; operation: string | null }) {
  const operation = useOperations((state) => (id === null ? undefined : state.byId[id]));
  return (
    <WorkingDialog
      title={`Making the template ${name}`}
      operation={operation}
      testId={testIds.sealDialog}
      onCancel={cancelOperation}
      onClose={close}
    />
  );
}

export function Done({ name, id, guest }: { name: string; id: string; guest: string | null }) {
  return (
    <Dialog
      title={`${name} is a template`}
      width={500}
      onClose={close}
      testId={testIds.sealDialog}
      foot={
        <>
          <Button onPress={close}>Close</Button>
          <Button
            onPress={() => {
              close();
              showTemplate(id);
            }}
          >
            Show it
          </Button>
          <Button
            look="primary"
            autoFocus
            onPress={() => {
              showTemplate(id);
              useUi.getState().open({ kind: 'clone', sources: [id] });
            }}
          >
            Clone it…
          </Button>
        </>
      }
    >
      <p style={{ display: 'flex', gap: 8 }}>
        <CircleCheck size={16} aria-hidden="true" style={{ color: 'var(--running)', marginTop: 1 }} />
        <span>
          Its disk is read-only and its identity is empty. {guest && `${guest} is as it was. `}
          Each clone made from it is a machine of its own.
        </span>
      </p>
    </Dialog>
  );
}
