import { useCallback, useEffect, useMemo, useState } from 'react';
import type { CloudImage } from '../../../shared/model/cloud-image.ts';
import { call } from '../../bridge/call.ts';
import { createFromFile, createGuest, importXml, useCreateFlow } from '../../stores/create-flow.ts';
import { useGuests } from '../../stores/guests.ts';
import { useHost } from '../../stores/host.ts';
import { useStarters } from '../../stores/starters.ts';
import { useTemplates } from '../../stores/templates.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import { CloudPanel } from './CloudPanel.tsx';
import css from './create.module.css';
import { Doing } from './Doing.tsx';
import { FilePanel, takesFile } from './FilePanel.tsx';
import {
  type CreateForm,
  checkForm,
  freeName,
  fromOf,
  keptName,
  nameAfter,
  nameTrouble,
  type SourceId,
  suggested,
} from './form.ts';
import { HardwareStep } from './HardwareStep.tsx';
import { ReviewStep } from './ReviewStep.tsx';
import { SourceList, sources } from './SourceList.tsx';
import { StarterForm } from './StarterForm.tsx';
import { type FileState, sourceFor, useFile } from './use-file.ts';
import { waitsFor, type XmlForm, XmlPanel } from './XmlPanel.tsx';

const close = () => useUi.getState().close();

/** "New guest": what it is made from, what it gets, and a last page in plain words; then what it does, step by step. */
export function CreateDialog({ source, file }: { source?: string; file?: string }) {
  const flow = useCreateFlow((state) => state.flow);
  if (flow.step === 'idle') return <Wizard asked={source} dropped={file} />;
  return <Doing flow={flow} />;
}

type Page = 'source' | 'hardware' | 'review';

const firstSource = (asked: string | undefined, dropped: string | undefined): SourceId => {
  if (dropped) return /\.xml$/i.test(dropped) ? 'xml' : /\.iso$/i.test(dropped) ? 'iso' : 'image';
  return sources.find((one) => one.id === asked)?.id ?? 'starter';
};

function Wizard({ asked, dropped }: { asked: string | undefined; dropped: string | undefined }) {
  const guests = useGuests((state) => state.all);
  const templates = useTemplates((state) => state.all);
  const taken = useMemo(() => [...guests, ...templates].map((one) => one.name), [guests, templates]);
  const { report, fetch } = useHost();
  useEffect(() => {
    if (!report) void fetch();
  }, [report, fetch]);
  const [source, setSource] = useState<SourceId>(() => firstSource(asked, dropped));
  const [page, setPage] = useState<Page>('source');
  const [path, setPath] = useState(dropped ?? '');
  const [form, setForm] = useState<CreateForm>(() => ({
    name: freeName(taken),
    vcpus: 2,
    memory: 1024,
    kind: 'hybrid',
    diskSize: null,
    keys: '',
    start: true,
    firmware: 'bios',
    tpm: false,
    user: '',
    mode: 'copy',
  }));
  const [clouds, setClouds] = useState<readonly CloudImage[]>([]);
  const [cloud, setCloud] = useState('');
  useEffect(() => {
    if (source === 'cloud') call('cloudImages.list').then(setClouds, tellError);
  }, [source]);
  const [xml, setXml] = useState<XmlForm>({
    name: '',
    disks: 'copy',
    agreed: new Set(),
    nearest: false,
    start: false,
  });
  const put = (patch: Partial<CreateForm>) => setForm((old) => ({ ...old, ...patch }));
  const file = useFile(path.trim(), source);
  const image = file.status === 'image' ? file.image : null;

  // What was found fills in the rest, and a file of another kind goes to where it belongs.
  const [seen, setSeen] = useState<FileState>(file);
  if (file !== seen) {
    setSeen(file);
    if (file.status === 'image') {
      const right = sourceFor(file.image, source);
      if (right !== source) setSource(right);
      setForm((old) => ({ ...old, ...suggested(right, file.image, taken) }));
    } else if (file.status === 'xml')
      setXml((old) => ({
        ...old,
        name: keptName(file.check.name ?? path.split('/').at(-1) ?? '', taken),
        agreed: new Set(),
        nearest: false,
      }));
  }
  const choose = (next: SourceId) => {
    setSource(next);
    setPage('source');
    if (next === 'starter')
      put({ name: freeName(taken), memory: 1024, vcpus: 2, diskSize: null, tpm: false, kind: 'hybrid' });
  };

  const chooseCloud = useCallback(
    (next: CloudImage) => {
      setCloud(next.id);
      setForm((old) => ({
        ...old,
        name: nameAfter(next.id, taken),
        kind: 'hybrid',
        memory: 2048,
        diskSize: 20,
        tpm: false,
        mode: 'copy',
        firmware: next.firmware,
      }));
    },
    [taken],
  );

  const what = source === 'cloud' ? cloud : path.trim();
  const from = source === 'starter' || source === 'cloud' || image ? fromOf(source, what, form) : null;
  const checked = checkForm(form, taken, from);
  const problems = checked.problems ?? {};
  const xmlTrouble = nameTrouble(xml.name, taken);
  const readable = file.status === 'xml' && file.check.invalid === null;
  const waits = source === 'xml' && readable ? waitsFor(file.check, xml) : null;
  const ready =
    source === 'starter'
      ? checked.spec !== null
      : source === 'xml'
        ? readable && xmlTrouble === null && waits === null
        : page === 'source'
          ? source === 'cloud'
            ? from !== null && form.keys.trim() !== '' && problems.keys === undefined
            : image !== null && (source !== 'iso' || image.format === 'iso')
          : checked.spec !== null;
  const last = source === 'starter' || source === 'xml' || page === 'review';

  const submit = () => {
    if (!ready) return;
    if (source === 'starter' && checked.spec) void createGuest(checked.spec);
    else if (source === 'xml')
      void importXml(
        {
          path: path.trim(),
          name: xml.name,
          disks: xml.disks,
          agreed: [...xml.agreed],
          nearest: xml.nearest,
        },
        xml.start,
      );
    else if (page === 'source') setPage('hardware');
    else if (page === 'hardware') setPage('review');
    else if (checked.spec) void createFromFile(checked.spec);
  };

  return (
    <Dialog
      title="New guest"
      width={760}
      testId={testIds.createDialog}
      onClose={close}
      onSubmit={submit}
      foot={
        <>
          <span className={panes.stepLine}>
            {waits ?? ((last || source === 'template') && page === 'source' ? '' : stepWords[page])}
          </span>
          {page !== 'source' && (
            <Button onPress={() => setPage(page === 'review' ? 'hardware' : 'source')}>Back</Button>
          )}
          <Button onPress={close}>Cancel</Button>
          {source === 'template' ? (
            templates.length === 0 ? (
              <Button look="primary" onPress={() => useUi.getState().open({ kind: 'new-template' })}>
                New template…
              </Button>
            ) : (
              <Button look="primary" onPress={() => useUi.getState().open({ kind: 'clone', sources: [] })}>
                Choose a template…
              </Button>
            )
          ) : (
            <Button
              key={last ? 'make' : 'next'}
              look="primary"
              type="submit"
              autoFocus={page === 'review'}
              isDisabled={!ready}
              data-testid={last ? testIds.createSubmit : testIds.createNext}
            >
              {last ? <Act source={source} start={source === 'xml' ? xml.start : form.start} /> : 'Next'}
            </Button>
          )}
        </>
      }
    >
      <div className={css.wizard}>
        {page === 'source' && <SourceList value={source} onChange={choose} />}
        <div className={css.panel}>
          {page === 'source' && source === 'starter' && (
            <StarterForm form={form} put={put} problems={problems} />
          )}
          {page === 'source' && source === 'template' && (
            <p className={css.lead}>
              A template is a sealed guest. Each clone of it gets a machine-id, SSH host keys, a name and
              addresses of its own; the next pages show them before anything is made.
              {templates.length === 0 &&
                ' There is none yet: make one from Debian or an image, or of a guest that you have.'}
            </p>
          )}
          {page === 'source' && source === 'cloud' && (
            <CloudPanel
              images={clouds}
              chosen={cloud}
              onChoose={chooseCloud}
              form={form}
              put={put}
              problem={problems.keys}
            />
          )}
          {page === 'source' && takesFile(source) && (
            <FilePanel source={source} path={path} onPath={setPath} state={file} form={form} put={put} />
          )}
          {page === 'source' &&
            source === 'xml' &&
            file.status === 'xml' &&
            (file.check.invalid ? (
              <p className={panes.note}>
                This is no domain XML.{' '}
                {file.check.invalid.line !== null && `Line ${file.check.invalid.line}: `}
                {file.check.invalid.reason}
              </p>
            ) : (
              <>
                <XmlPanel
                  check={file.check}
                  form={xml}
                  put={(patch) => setXml((old) => ({ ...old, ...patch }))}
                  problem={xmlTrouble}
                />
                <Checkbox checked={xml.start} onChange={(start) => setXml((old) => ({ ...old, start }))}>
                  Start it when it is made
                </Checkbox>
              </>
            ))}
          {page === 'hardware' && (
            <HardwareStep source={source} image={image} form={form} put={put} problems={problems} />
          )}
          {page === 'review' && (
            <ReviewStep
              source={source}
              image={source === 'cloud' ? null : image}
              what={(source === 'cloud' && clouds.find((one) => one.id === cloud)?.name) || what}
              form={form}
              put={put}
            />
          )}
        </div>
      </div>
    </Dialog>
  );
}

const stepWords: Readonly<Record<Page, string>> = {
  source: 'Step 1 of 3: What it is made from',
  hardware: 'Step 2 of 3: What it gets',
  review: 'Step 3 of 3: Review',
};

/** The button's words say what it does. */
function Act({ source, start }: { source: SourceId; start: boolean }) {
  const built = useStarters((state) => state.byId['debian-12']?.status === 'built');
  if (source === 'xml') return start ? 'Import and start' : 'Import';
  if (source !== 'starter' || built) return start ? 'Create and start' : 'Create';
  return start ? 'Build and start' : 'Build and create';
}
