import { useEffect, useRef, useState } from 'react';
import { useHost } from '../../stores/host.ts';
import { useStarters } from '../../stores/starters.ts';
import { Checkbox, Choice } from '../../ui/Choice.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { bytes } from '../../ui/format.ts';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';
import type { CreateForm, Problems } from './form.ts';
import { kinds } from './HardwareStep.tsx';

/** The starter: one page, filled in, ready to be made. */
export function StarterForm({
  form,
  put,
  problems,
}: {
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
  problems: Problems;
}) {
  const starter = useStarters((state) => state.byId['debian-12']);
  const report = useHost((state) => state.report);
  const nameInput = useRef<HTMLInputElement>(null);
  const [open] = useState(problems.keys !== undefined || problems.diskSize !== undefined);
  useEffect(() => nameInput.current?.select(), []);
  const free = report ? Math.floor(report.memory.available / 1048576) : null;
  return (
    <>
      <p className={css.lead}>
        {starter?.status === 'built'
          ? `A Debian 12 of its own, from the image built here. ${starter.login}`
          : 'A Debian 12, built here from Debian’s own packages. The first time takes about a minute (several on a slow computer) and needs the network; later guests are made in a second.'}
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
      <Disclosure title="Hardware, disk and SSH keys" startsOpen={open}>
        <Choice
          label="Hardware"
          value={form.kind}
          onChange={(kind) => put({ kind, ...(kind === 'paravirtual' ? { tpm: false } : {}) })}
          options={[
            ...kinds,
            {
              id: 'paravirtual',
              label: 'Paravirtual',
              hint: 'No PCI, no video, no firmware: microvm, for Linux that knows it is a guest. Serial console and SSH only.',
            },
          ]}
        />
        {form.kind !== 'paravirtual' && (
          <Checkbox
            checked={form.tpm}
            onChange={(tpm) => put({ tpm })}
            hint="A security chip of its own. Of Debian’s kernels here only the one of Full hardware has a driver for it."
          >
            TPM 2.0
          </Checkbox>
        )}
        <NumberField
          label="Disk, GiB"
          value={form.diskSize ?? Number.NaN}
          onChange={(size) => put({ diskSize: Number.isNaN(size) ? null : size })}
          min={1}
          max={65536}
          problem={problems.diskSize}
          hint="Empty keeps the image’s size. Space is taken only as it fills."
        />
        <KeysField form={form} put={put} problem={problems.keys} />
      </Disclosure>
    </>
  );
}

/** Who may log in by SSH. */
export function KeysField({
  form,
  put,
  problem,
  hint = 'Who may log in by SSH; one a line. Without one you log in at the console.',
}: {
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
  problem: string | undefined;
  hint?: string;
}) {
  return (
    <TextField
      label="SSH public keys"
      value={form.keys}
      onChange={(keys) => put({ keys })}
      problem={problem}
      multiline={3}
      mono
      placeholder="ssh-ed25519 AAAA… you@laptop"
      hint={hint}
    />
  );
}
