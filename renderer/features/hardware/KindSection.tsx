import { Check, CircleHelp, X } from 'lucide-react';
import { useState } from 'react';
import type { GuestKindName, KindPlan } from '../../../shared/model/hardware.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextDiff } from '../../ui/TextDiff.tsx';
import { testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import css from './hardware.module.css';
import { useBench } from './rows.tsx';

export const kindTitles: Readonly<Record<GuestKindName, string>> = {
  full: 'Full',
  hybrid: 'Hybrid',
  paravirtual: 'Paravirtual',
};

const kindHints: Readonly<Record<GuestKindName, string>> = {
  full: 'Hardware as in a real PC: AHCI disk, Intel network card, VGA. Any system runs unchanged; disk and network are slower.',
  hybrid:
    'A PC with virtio disk and network. The system needs virtio drivers, which Linux has. The usual choice.',
  paravirtual:
    'No PC at all: a small machine made for guests, its Linux kernel started directly. No screen, no USB.',
};

export function KindSection() {
  const { view } = useBench();
  const [open, setOpen] = useState(false);
  const { kind, machine } = view.wanted;
  return (
    <div className={css.section}>
      <div className={css.line}>
        <div>
          <strong>{kind === 'unknown' ? 'Its own mixture' : kindTitles[kind]}</strong>{' '}
          <span className="muted">{machine}</span>
        </div>
        <Button size="small" onPress={() => setOpen(true)} data-testid={testIds.changeKind}>
          Change the kind…
        </Button>
      </div>
      {kind !== 'unknown' && <p className={css.note}>{kindHints[kind]}</p>}
      {open && <KindDialog onClose={() => setOpen(false)} />}
    </div>
  );
}

function KindDialog({ onClose }: { onClose: () => void }) {
  const bench = useBench();
  const { guest, view } = bench;
  const now = view.wanted.kind;
  const [kind, setKind] = useState<GuestKindName>(now === 'hybrid' || now === 'unknown' ? 'full' : 'hybrid');
  const [plan] = useAsked(`${guest.id} ${kind}`, () => call('hardware.planKind', { id: guest.id, kind }));
  const shown = plan.value?.to === kind ? plan.value : null;
  const apply = async () => {
    onClose();
    await bench.change({ do: 'kind', kind });
  };
  return (
    <Dialog
      title={`What kind of hardware ${guest.name} has`}
      width={620}
      onClose={onClose}
      onSubmit={() => void apply()}
      testId={testIds.kindDialog}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!shown || shown.blocked !== null || kind === now}>
            {kind === now ? 'It is that already' : `Make it ${kind}`}
          </Button>
        </>
      }
    >
      <Choice
        label="Kind"
        value={kind}
        onChange={setKind}
        options={(Object.keys(kindTitles) as GuestKindName[]).map((id) => ({
          id,
          label: id === now ? `${kindTitles[id]} (as it is now)` : kindTitles[id],
          hint: kindHints[id],
        }))}
      />
      {plan.status === 'failed' && <ErrorNote error={plan.error} write={writeClipboard} />}
      {shown && kind !== now && <Plan plan={shown} />}
      {shown && kind !== now && (
        <p className={css.note}>
          {view.running ? 'It takes effect at the next start. ' : ''}Nothing on its disk changes, and you can
          undo it.
        </p>
      )}
    </Dialog>
  );
}

function Plan({ plan }: { plan: KindPlan }) {
  const { guest } = useBench();
  const [detail] = useAsked(guest.id, () => call('guests.exportXml', { id: guest.id }));
  if (plan.blocked !== null)
    return (
      <ErrorNote
        error={{ code: 'unsupported', message: 'This guest cannot have this kind.', why: plan.blocked }}
        write={writeClipboard}
      />
    );
  return (
    <>
      <div>
        <h3 className={css.subhead}>What changes</h3>
        <table className={css.changes}>
          <tbody>
            {plan.changes.map((change) => (
              <tr key={change.part}>
                <th scope="row">{change.what}</th>
                <td>
                  {change.from === null ? <span className="muted">none</span> : <del>{change.from}</del>}
                </td>
                <td>{change.to === null ? <span className="muted">gone</span> : <ins>{change.to}</ins>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div>
        <h3 className={css.subhead}>What the system inside needs</h3>
        <ul className={css.needs}>
          {plan.needs.map(({ text, met }) => (
            <li key={text}>
              {met === true ? (
                <Check size={16} className={css.met} aria-label="met:" />
              ) : met === false ? (
                <X size={16} className={css.unmet} aria-label="not met:" />
              ) : (
                <CircleHelp size={16} className={css.unknown} aria-label="cannot be told from outside:" />
              )}
              <span>{text}</span>
            </li>
          ))}
        </ul>
      </div>
      {detail.value && (
        <Disclosure title="The change in its XML">
          <TextDiff
            before={detail.value.xml}
            after={plan.xml}
            language="xml"
            label="Change of the XML"
            rows={14}
          />
        </Disclosure>
      )}
    </>
  );
}
