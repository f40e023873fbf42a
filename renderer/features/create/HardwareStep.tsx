import type { SourceImage } from '../../../shared/ipc/guests.ts';
import { useHost } from '../../stores/host.ts';
import { Checkbox, Choice } from '../../ui/Choice.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { bytes, counted } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';
import type { CreateForm, Problems, SourceId } from './form.ts';
import { warnings } from './words.ts';

export const kinds = [
  {
    id: 'hybrid',
    label: 'Hybrid',
    hint: 'A PC with fast virtio disk and network. Right for almost every Linux.',
  },
  {
    id: 'full',
    label: 'Full',
    hint: 'Disk, network and video as real PCs have them. For systems without virtio drivers, such as Windows; slower.',
  },
] as const;

/** Step 2: the name and what the guest gets, against what this computer can give. */
export function HardwareStep({
  source,
  image,
  form,
  put,
  problems,
}: {
  source: SourceId;
  image: SourceImage | null;
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
  problems: Problems;
}) {
  const report = useHost((state) => state.report);
  const inPlace = source === 'image' && form.mode === 'in-place';
  return (
    <>
      <TextField
        label="Name"
        value={form.name}
        onChange={(name) => put({ name })}
        problem={problems.name}
        testId={testIds.createName}
        autoFocus
      />
      <div className={css.three}>
        <NumberField
          label="CPUs"
          value={form.vcpus}
          onChange={(vcpus) => put({ vcpus })}
          min={1}
          max={256}
          problem={problems.vcpus}
          hint={report ? `${counted(report.cpu.threads, 'processor')} here.` : undefined}
        />
        <NumberField
          label="Memory, MiB"
          value={form.memory}
          onChange={(memory) => put({ memory })}
          min={64}
          max={4 << 20}
          problem={problems.memory}
          hint={report ? `${bytes(report.memory.available)} free.` : undefined}
        />
        <NumberField
          label="Disk, GiB"
          value={form.diskSize ?? Number.NaN}
          onChange={(size) => put({ diskSize: Number.isNaN(size) ? null : size })}
          min={1}
          max={65536}
          isDisabled={inPlace}
          problem={problems.diskSize}
          hint={
            inPlace
              ? 'Keeps its size.'
              : `${source === 'iso' ? '' : 'Empty keeps its size. '}${report ? `${bytes(report.disk.free)} free.` : ''}`
          }
        />
      </div>
      <Choice
        label="Hardware"
        value={form.kind === 'paravirtual' ? 'hybrid' : form.kind}
        onChange={(kind) => put({ kind })}
        options={kinds}
      />
      <Choice
        label="Firmware"
        value={form.firmware}
        onChange={(firmware) => put({ firmware })}
        options={[
          { id: 'bios', label: 'BIOS', hint: 'Starts nearly everything.' },
          { id: 'uefi', label: 'UEFI', hint: 'What computers have had since about 2012.' },
          {
            id: 'secure-boot',
            label: 'UEFI with Secure Boot',
            hint: 'Starts only loaders signed with the usual keys. Windows 11 asks for it.',
          },
        ]}
      />
      <Checkbox
        checked={form.tpm}
        onChange={(tpm) => put({ tpm })}
        hint="A security chip of its own, for disk keys. Windows 11 asks for it. A clone gets another, empty one."
      >
        TPM 2.0
      </Checkbox>
      {source !== 'cloud' && (
        <TextField
          label="Log in as"
          value={form.user}
          onChange={(user) => put({ user })}
          problem={problems.user}
          hint="The user of the system on it, for consoles and ssh. It can be said later."
        />
      )}
      <Warnings lines={warnings(source, image, form, report)} />
    </>
  );
}

export function Warnings({ lines }: { lines: readonly string[] }) {
  if (lines.length === 0) return null;
  const [first, ...rest] = lines;
  return (
    <>
      <p className={panes.note}>{first}</p>
      {rest.length > 0 && (
        <Disclosure title={counted(rest.length, 'more note')}>
          {rest.map((line) => (
            <p key={line} className={panes.note}>
              {line}
            </p>
          ))}
        </Disclosure>
      )}
    </>
  );
}
