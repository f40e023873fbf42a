import { useMemo, useState } from 'react';
import { toWire } from '../../../shared/errors.ts';
import { call } from '../../bridge/call.ts';
import { type Afterwards, runClones, useCloneFlow } from '../../stores/clone-flow.ts';
import { useGuests } from '../../stores/guests.ts';
import { emptySeed } from '../../stores/seed.ts';
import { useTemplates } from '../../stores/templates.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { counted } from '../../ui/format.ts';
import { usualParts } from '../../ui/IdentityParts.tsx';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import { CloneOutcome } from './CloneOutcome.tsx';
import {
  type CloneForm,
  type CloneSource,
  checkForm,
  checkNames,
  firstPattern,
  type Planned,
  specOf,
} from './form.ts';
import { HardwareStep } from './HardwareStep.tsx';
import { NamesStep } from './NamesStep.tsx';
import { ReviewStep } from './ReviewStep.tsx';
import { sourcesOf } from './source.ts';

const close = () => useUi.getState().close();

/** "Clone": what and how many, what each gets, and a last page with the very values before anything is made. */
export function CloneDialog({ sources: wished }: { sources: readonly string[] }) {
  const flow = useCloneFlow((state) => state.flow);
  if (flow.step === 'idle') return <Wizard wished={wished} />;
  return <CloneOutcome flow={flow} />;
}

type Page = 'names' | 'hardware' | 'review';
const pages: readonly Page[] = ['names', 'hardware', 'review'];
const titles: Readonly<Record<Page, string>> = {
  names: 'What and how many',
  hardware: 'What each gets',
  review: 'Review',
};

const forSource = (form: CloneForm, source: CloneSource, taken: readonly string[]): CloneForm => ({
  ...form,
  source: source.id,
  pattern: firstPattern(source.name, taken),
  vcpus: source.vcpus,
  memory: source.memory,
  diskSize: null,
  loginUser: source.loginUser ?? '',
});

function Wizard({ wished }: { wished: readonly string[] }) {
  const templates = useTemplates((state) => state.all);
  const guests = useGuests((state) => state.all);
  const sources = useMemo(() => sourcesOf(templates, guests, wished), [templates, guests, wished]);
  const taken = useMemo(
    () => [...guests.map((guest) => guest.name), ...templates.map((template) => template.name)],
    [guests, templates],
  );
  const [form, setForm] = useState<CloneForm>(() => {
    const empty: CloneForm = {
      source: null,
      pattern: '',
      linked: true,
      vcpus: null,
      memory: null,
      diskSize: null,
      loginUser: '',
      keyIds: new Set(),
      pasted: '',
      tags: '',
      parts: usualParts('clone'),
      rsa: false,
      seed: null,
    };
    const [first] = sources;
    return first ? forSource(empty, first, taken) : empty;
  });
  const [page, setPage] = useState<Page>('names');
  const [planned, setPlanned] = useState<Planned>({ status: 'none' });
  const [wantsSeed, setWantsSeed] = useState(false);
  const [seedFine, setSeedFine] = useState(true);
  const [wish, setThen] = useState<Afterwards | null>(null);

  const source = sources.find((one) => one.id === form.source);
  const named = checkNames(form.pattern, taken);
  const problems = source ? checkForm(form, source) : {};
  // A crowd is not started unasked: few computers have the memory.
  const then = wish ?? { start: named.names.length <= 10, consoles: true };
  const put = (patch: Partial<CloneForm>) => setForm((old) => ({ ...old, ...patch }));
  const fine =
    source?.ready === true &&
    named.problem === null &&
    (page === 'names' || (Object.keys(problems).length === 0 && (form.seed === null || seedFine)));

  const plan = async () => {
    if (!source) return;
    setPlanned({ status: 'planning' });
    try {
      const lines = await Promise.all([...form.keyIds].map((id) => call('keys.publicText', { id })));
      const spec = specOf(form, source, named.names, lines);
      setPlanned({ status: 'ready', plan: await call('clones.plan', spec), for: keyOf(form) });
    } catch (error) {
      setPlanned({ status: 'failed', error: toWire(error) });
    }
  };
  const at = pages.indexOf(page);
  const next = () => {
    if (!fine) return;
    if (page === 'names') setPage('hardware');
    else if (page === 'hardware') {
      setPage('review');
      if (planned.status !== 'ready' || planned.for !== keyOf(form)) void plan();
    } else if (planned.status === 'ready')
      void runClones(planned.plan, { start: then.start, consoles: then.start && then.consoles });
  };

  const count = named.names.length;
  const many = count === 1 ? 'clone' : `${count} clones`;
  return (
    <Dialog
      title={
        source && named.problem === null
          ? `Clone ${source.name} into ${counted(count, 'guest')}`
          : `Clone ${source?.name ?? 'a machine'}`
      }
      width={page === 'review' ? 980 : 620}
      testId={testIds.cloneDialog}
      onClose={close}
      onSubmit={next}
      foot={
        <>
          <span className={panes.stepLine}>
            {source && `Step ${at + 1} of ${pages.length}: ${titles[page]}`}
          </span>
          {at > 0 && <Button onPress={() => setPage(pages[at - 1] ?? 'names')}>Back</Button>}
          <Button onPress={close}>Cancel</Button>
          {source && (
            <Button
              key={page === 'review' ? 'make' : 'next'}
              look="primary"
              type="submit"
              autoFocus={page === 'review'}
              isDisabled={!fine || (page === 'review' && planned.status !== 'ready')}
              data-testid={page === 'review' ? testIds.cloneSubmit : testIds.cloneNext}
            >
              {page === 'review' ? `Make ${many}` : 'Next'}
            </Button>
          )}
        </>
      }
    >
      {page === 'names' && (
        <NamesStep
          form={form}
          put={put}
          source={source}
          sources={sources}
          asked={wished.length}
          named={named}
          onSource={(id) => {
            const chosen = sources.find((one) => one.id === id);
            if (chosen) setForm((old) => forSource(old, chosen, taken));
          }}
        />
      )}
      {page === 'hardware' && source && (
        <HardwareStep
          form={form}
          put={put}
          source={source}
          problems={problems}
          onSeedFine={setSeedFine}
          wantsSeed={wantsSeed}
        />
      )}
      {page === 'review' && source && (
        <ReviewStep
          planned={planned}
          form={form}
          source={source}
          then={then}
          onThen={setThen}
          onAgain={() => void plan()}
          onSeed={() => {
            put({ seed: form.seed ?? emptySeed });
            setWantsSeed(true);
            setPage('hardware');
          }}
        />
      )}
    </Dialog>
  );
}

/** The choices as text: two that are the same need one plan. */
const keyOf = (form: CloneForm) =>
  JSON.stringify(form, (_key, value: unknown) => (value instanceof Set ? [...value].sort() : value));
