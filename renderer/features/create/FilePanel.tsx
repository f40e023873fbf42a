import { writeClipboard } from '../../bridge/clipboard.ts';
import { pickFile } from '../../bridge/files.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { bytes, counted, mebibytes } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';
import type { CreateForm, SourceId } from './form.ts';
import type { FileState } from './use-file.ts';
import { firmwareNames, formatName } from './words.ts';

type FileSource = 'iso' | 'image' | 'ova' | 'xml';

const about: Readonly<
  Record<FileSource, { lead: string; label: string; endings: readonly string[]; kind: string }>
> = {
  iso: {
    lead: 'An installer’s CD or DVD image. The guest gets an empty disk and starts from the ISO.',
    label: 'ISO file',
    endings: ['iso'],
    kind: 'ISO images',
  },
  image: {
    lead: 'A disk with a system on it: raw, qcow2, or from VMware, VirtualBox, Hyper-V or Virtual PC.',
    label: 'Disk image',
    endings: ['qcow2', 'img', 'raw', 'vmdk', 'vdi', 'vhdx', 'vhd'],
    kind: 'Disk images',
  },
  ova: {
    lead: 'A whole machine exported by VMware, VirtualBox or others (OVF 1.x in one archive).',
    label: 'OVA file',
    endings: ['ova'],
    kind: 'OVA archives',
  },
  xml: {
    lead: 'A machine’s definition, as “virsh dumpxml” writes it. Nothing is done with it before you have seen what it asks for.',
    label: 'XML file',
    endings: ['xml'],
    kind: 'Domain XML',
  },
};

/** The file a guest is made from, and what it was found to be. */
export function FilePanel({
  source,
  path,
  onPath,
  state,
  form,
  put,
}: {
  source: FileSource;
  path: string;
  onPath: (path: string) => void;
  state: FileState;
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
}) {
  const { lead, label, endings, kind } = about[source];
  const pick = async () => {
    const chosen = await pickFile(`Choose ${label}`, endings, kind).catch((error) => {
      tellError(error);
      return null;
    });
    if (chosen !== null) onPath(chosen);
  };
  return (
    <>
      <p className={css.lead}>{lead}</p>
      <div className={panes.file}>
        <TextField
          label={label}
          value={path}
          onChange={onPath}
          mono
          placeholder="/path/to/file"
          testId={testIds.createFile}
          problem={path !== '' && !path.startsWith('/') ? 'Give the whole path, from / on.' : null}
          hint="Or drop the file on this window."
        />
        <Button onPress={() => void pick()} data-testid={testIds.createPick}>
          Choose…
        </Button>
      </div>
      {state.status === 'looking' && <Progress fraction={null} label="Looking at the file" />}
      {state.status === 'failed' && <ErrorNote error={state.error} write={writeClipboard} />}
      {state.status === 'image' && <Found state={state} source={source} />}
      {state.status === 'image' && source === 'image' && <Mode state={state} form={form} put={put} />}
    </>
  );
}

/** What the file is, as it was read. */
function Found({ state, source }: { state: Extract<FileState, { status: 'image' }>; source: FileSource }) {
  const { image } = state;
  const { ova, system } = image;
  if (source === 'iso' && image.format !== 'iso')
    return (
      <p className={panes.note} data-testid={testIds.createFound}>
        This is {formatName(image.format)}, not an ISO. Choose “
        {image.format === 'ova' ? 'OVA' : 'Disk image'}” at the left.
      </p>
    );
  const rows: (readonly [string, string])[] = [];
  if (ova) {
    rows.push(['Machine', ova.name]);
    if (ova.os) rows.push(['System', ova.os]);
    rows.push(
      ['Hardware', `${counted(ova.vcpus, 'CPU')}, ${mebibytes(ova.memory)}, ${firmwareNames[ova.firmware]}`],
      [
        ova.disks.length === 1 ? 'Disk' : 'Disks',
        ova.disks
          .map(({ file, capacity, bytes: packed }) =>
            file === null
              ? `empty, ${bytes(capacity)}`
              : `${capacity > 0 ? bytes(capacity) : 'size unsaid'} (${bytes(packed)} in the archive)`,
          )
          .join('; ') || 'none',
      ],
      ['Network cards', String(ova.interfaces)],
      ['Checksums', ova.manifest ?? 'none: nothing tells whether the archive is whole'],
    );
  } else {
    const what = formatName(image.format);
    rows.push(['This is', what.replace(/^an? /, '')]);
    if (system) rows.push(['System', system.name]);
    if (image.label) rows.push(['Label', image.label]);
    if (image.virtualSize !== null) rows.push(['Size', bytes(image.virtualSize)]);
  }
  return (
    <div className={css.found} data-testid={testIds.createFound}>
      <dl className={panes.facts}>
        {rows.map(([term, value]) => (
          <div key={term} className={css.fact}>
            <dt>{term}</dt>
            <dd className="selectable">{value}</dd>
          </div>
        ))}
      </dl>
      {ova?.notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
    </div>
  );
}

function Mode({
  state,
  form,
  put,
}: {
  state: Extract<FileState, { status: 'image' }>;
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
}) {
  const native = state.image.format === 'raw' || state.image.format === 'qcow2';
  if (!native)
    return <p className="muted">It is converted into a disk of the guest’s own. The file is not changed.</p>;
  return (
    <Choice
      label="What becomes of it"
      value={form.mode}
      onChange={(mode) => put({ mode })}
      options={[
        { id: 'copy', label: 'Copy it', hint: 'The guest gets a disk of its own. The file is not changed.' },
        {
          id: 'link',
          label: 'Link to it',
          hint: 'Made at once, small at first. The file must stay as it is and where it is.',
        },
        {
          id: 'in-place',
          label: 'Use it in place',
          hint: 'The guest writes to this very file; deleting the guest keeps it.',
        },
      ]}
    />
  );
}

export const takesFile = (source: SourceId): source is FileSource =>
  source === 'iso' || source === 'image' || source === 'ova' || source === 'xml';
