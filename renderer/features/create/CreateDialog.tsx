import { ChevronRight, CircleCheck, CircleDashed, LoaderCircle } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { type CreateFlow, createGuest, useCreateFlow } from '../../stores/create-flow.ts';
import { useGuests } from '../../stores/guests.ts';
import { useHost } from '../../stores/host.ts';
import { useOperations } from '../../stores/operations.ts';
import { useStarters } from '../../stores/starters.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox, Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { bytes } from '../../ui/format.ts';
import { Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';
import { type CreateForm, checkForm, freeName, type Problems } from './form.ts';

const close = () => useUi.getState().close();

/** "New guest": the choices that matter on top, the rest folded; then what it does, step by step. */
export function CreateDialog() {
  const flow = useCreateFlow((state) => state.flow);
  if (flow.step === 'idle') return <Form />;
  return <Doing flow={flow} />;
}

function Form() {
  const guests = useGuests((state) => state.all);
  const starter = useStarters((state) => state.byId['debian-12']);
  const report = useHost((state) => state.report);
  const names = guests.map((guest) => guest.name);
  const [form, setForm] = useState<CreateForm>(() => ({
    name: freeName(names),
    vcpus: 2,
    memory: 1024,
    kind: 'hybrid',
    diskSize: null,
    keys: '',
    start: true,
  }));
  const [more, setMore] = useState(false);
  const nameInput = useRef<HTMLInputElement>(null);
  useEffect(() => nameInput.current?.select(), []);
  const checked = checkForm(form, names);
  const problems: Problems = checked.problems ?? {};
  const put = (patch: Partial<CreateForm>) => setForm({ ...form, ...patch });
  const built = starter?.status === 'built';
  const act = built
    ? form.start
      ? 'Create and start'
      : 'Create'
    : form.start
      ? 'Build and start'
      : 'Build and create';
  const free = report ? Math.floor(report.memory.available / 1048576) : null;

  return (
    <Dialog
      title="New guest"
      width={500}
      testId={testIds.createDialog}
      onClose={close}
      onSubmit={() => {
        if (checked.spec) void createGuest(checked.spec);
      }}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!checked.spec} data-testid={testIds.createSubmit}>
            {act}
          </Button>
        </>
      }
    >
      <p className={css.lead}>
        {built
          ? `A Debian 12 of its own, from the image built here. ${starter.login}`
          : 'A Debian 12, built here from Debian’s own packages. The first time takes about a minute and needs the network; later guests are made in a second.'}
      </p>
      <TextField
        label="Name"
        value={form.name}
        onChange={(name) => put({ name })}
        problem={problems.name}
        inputRef={nameInput}
        testId={testIds.createName}
        autoFocus
      />
      <div className={css.row}>
        <NumberField
          label="CPUs"
          value={form.vcpus}
          onChange={(vcpus) => put({ vcpus })}
          min={1}
          max={256}
          problem={problems.vcpus}
          hint={report ? `This computer has ${report.cpu.threads}.` : undefined}
        />
        <NumberField
          label="Memory, MiB"
          value={form.memory}
          onChange={(memory) => put({ memory })}
          min={64}
          max={4 << 20}
          problem={problems.memory}
          hint={
            free === null
              ? undefined
              : form.memory > free
                ? `Only ${bytes(free * 1048576)} are free: it may not start.`
                : `${bytes(free * 1048576)} are free.`
          }
        />
      </div>
      <Checkbox checked={form.start} onChange={(start) => put({ start })}>
        Start it and open its console
      </Checkbox>
      <button type="button" className={css.more} aria-expanded={more} onClick={() => setMore(!more)}>
        <ChevronRight size={16} aria-hidden="true" />
        Hardware, disk and SSH keys
      </button>
      {more && (
        <>
          <Choice
            label="Hardware"
            value={form.kind}
            onChange={(kind) => put({ kind })}
            options={[
              {
                id: 'hybrid',
                label: 'Hybrid',
                hint: 'A PC with fast virtio disk and network. Right for almost every Linux.',
              },
              {
                id: 'full',
                label: 'Full',
                hint: 'Disk, network and video as real PCs have them. For systems without virtio drivers; slower.',
              },
              {
                id: 'paravirtual',
                label: 'Paravirtual',
                hint: 'No PCI, no video, no firmware: microvm, for Linux that knows it is a guest. Serial console and SSH only.',
              },
            ]}
          />
          <NumberField
            label="Disk, GiB"
            value={form.diskSize ?? Number.NaN}
            onChange={(size) => put({ diskSize: Number.isNaN(size) ? null : size })}
            min={1}
            max={65536}
            problem={problems.diskSize}
            hint="Empty keeps the image’s size. Space is taken only as it fills."
          />
          <TextField
            label="SSH public keys"
            value={form.keys}
            onChange={(keys) => put({ keys })}
            problem={problems.keys}
            multiline={3}
            mono
            placeholder="ssh-ed25519 AAAA… you@laptop"
            hint="Who may log in by SSH; one a line. Without one you log in at the console."
          />
        </>
      )}
    </Dialog>
  );
}

const steps = [
  { id: 'building', title: 'Build Debian 12' },
  { id: 'creating', title: 'Make the guest' },
  { id: 'opening', title: 'Start it and open its console' },
] as const;

function Doing({ flow }: { flow: Exclude<CreateFlow, { step: 'idle' }> }) {
  const failed = flow.step === 'failed';
  const operation = useOperations((state) =>
    failed || flow.operation === null ? undefined : state.byId[flow.operation],
  );
  // The first step is not shown again once the image is there, unless it was part of this run.
  const [from] = useState(flow.step);
  const shown = steps.filter((step) => step.id !== 'building' || from === 'building');
  const now = failed ? -1 : shown.findIndex((step) => step.id === flow.step);
  const reset = () => useCreateFlow.getState().set({ step: 'idle' });
  return (
    <Dialog
      title={failed ? `${flow.name} was not made` : `Making ${flow.name}`}
      width={500}
      testId={testIds.createDialog}
      onClose={() => {
        if (failed) reset();
        close();
      }}
      foot={
        failed ? (
          <>
            <Button
              onPress={() => {
                reset();
                close();
              }}
            >
              Close
            </Button>
            <Button look="primary" onPress={reset}>
              Back
            </Button>
          </>
        ) : (
          <>
            {operation?.cancellable && (
              <Button
                isDisabled={operation.status === 'cancelling'}
                onPress={() => void call('operations.cancel', { id: operation.id }).catch(tellError)}
              >
                {operation.status === 'cancelling' ? 'Cancelling…' : 'Cancel'}
              </Button>
            )}
            <Button look="primary" onPress={close}>
              Go on in the background
            </Button>
          </>
        )
      }
    >
      {failed ? (
        <ErrorNote error={flow.error} write={writeClipboard} />
      ) : (
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
      )}
    </Dialog>
  );
}
