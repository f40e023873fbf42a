import { HardDrive } from 'lucide-react';
import type { Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useOperations } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, counted } from '../../ui/format.ts';
import { CopyText } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import { AddDevice } from './AddDevice.tsx';
import { CompareSection } from './CompareSection.tsx';
import { CdRow, DiskRow } from './DiskRows.tsx';
import css from './hardware.module.css';
import { KindSection } from './KindSection.tsx';
import { ForwardsRow, NicRow } from './NetworkRows.tsx';
import { BootRow, ScreenRow, SmallRows } from './OtherRows.tsx';
import { MemoryRow, ProcessorRow } from './ProcessorForms.tsx';
import { type Bench, BenchProvider, GoneRow, useBench, useChanges } from './rows.tsx';

/** What a guest's machine is made of, each part changed where it stands. */
export function HardwareTab({ guest }: { guest: Guest }) {
  // An undo in a toast changes nothing in the guest's row: the operations tell.
  const edits = useOperations((state) =>
    state.all
      .filter((op) => op.subject === guest.id && op.kind.startsWith('hardware.'))
      .map((op) => `${op.id}${op.status}${op.undoable}`)
      .join(),
  );
  const [asked, again] = useAsked(`${JSON.stringify(guest)} ${edits}`, () =>
    call('hardware.view', { id: guest.id }),
  );
  const { busy, trouble, change, revert, forget } = useChanges(guest, again);
  if (!asked.value)
    return asked.status === 'failed' ? (
      <div className={css.section}>
        <ErrorNote error={asked.error} write={writeClipboard} />
      </div>
    ) : null;
  const bench: Bench = { guest, view: asked.value, busy, change, revert };
  const { pending, running } = asked.value;
  return (
    <BenchProvider value={bench}>
      <div className={css.tab} data-testid={testIds.hardwareTab}>
        <div className={css.bar}>
          <span>
            {running
              ? 'Changes take effect now where they can, else at its next start.'
              : 'Changes take effect at its next start.'}
          </span>
          <AddDevice />
        </div>
        {pending.length > 1 && (
          <div className={css.waiting}>
            <span>{counted(pending.length, 'change waits', 'changes wait')} for the next start.</span>
            <Button size="small" isDisabled={busy} onPress={() => revert(null)}>
              Take all back
            </Button>
          </div>
        )}
        {trouble && (
          <div className={css.trouble}>
            <ErrorNote error={trouble.error} write={writeClipboard} />
            <div className={css.buttons}>
              {running && trouble.error.code === 'timeout' && (
                <Button size="small" onPress={() => void change(trouble.change, 'next-start')}>
                  Do it at the next start
                </Button>
              )}
              <Button size="small" onPress={forget}>
                Close
              </Button>
            </div>
          </div>
        )}
        <KindSection />
        <Devices />
        <UnusedDisks again={again} />
        <CompareSection />
        <More guest={guest} />
      </div>
    </BenchProvider>
  );
}

function Devices() {
  const { view } = useBench();
  const { wanted, pending } = view;
  const gone = pending.filter(
    ({ to, part }) => to === null && /^(disk|nic|usb|folder|sound|tpm|rng|watchdog)/.test(part),
  );
  return (
    <ul className={css.rows} aria-label="Devices">
      <ProcessorRow />
      <MemoryRow />
      {wanted.disks.map((disk) =>
        disk.device === 'cdrom' ? (
          <CdRow key={disk.target} disk={disk} />
        ) : (
          <DiskRow key={disk.target} disk={disk} />
        ),
      )}
      {wanted.nics.map((nic, i) => (
        <NicRow key={nic.mac ?? i} nic={nic} index={i} />
      ))}
      <ForwardsRow />
      {wanted.kind !== 'paravirtual' && <ScreenRow key={`${wanted.screen} ${wanted.video}`} />}
      <SmallRows />
      <BootRow />
      {gone.map((difference) => (
        <GoneRow key={difference.part} difference={difference} icon={<HardDrive size={16} />} />
      ))}
    </ul>
  );
}

/** Images that were taken out and kept. */
function UnusedDisks({ again }: { again: () => void }) {
  const { guest, view, change, busy } = useBench();
  if (view.unusedDisks.length === 0) return null;
  const remove = (file: string) =>
    call('hardware.deleteDisk', { id: guest.id, file }).catch(tellError).finally(again);
  return (
    <div className={css.section}>
      <h2>Disks taken out</h2>
      {view.unusedDisks.map(({ file, size }) => (
        <div key={file} className={css.line}>
          <span>
            <span className="mono selectable">{file.split('/').at(-1)}</span>{' '}
            <span className="muted">{bytes(size)}</span>
          </span>
          <Button
            size="small"
            isDisabled={busy}
            onPress={() => void change({ do: 'add-disk', source: { file, format: 'qcow2' } })}
          >
            Put back
          </Button>
          <Button size="small" isDisabled={busy} onPress={() => void remove(file)}>
            Delete the file
          </Button>
        </div>
      ))}
    </div>
  );
}

function More({ guest }: { guest: Guest }) {
  const [detail] = useAsked(`${guest.id} ${guest.state} ${guest.pendingRestart}`, () =>
    call('guests.detail', { id: guest.id }),
  );
  const problems = detail.value?.problems ?? [];
  const command = detail.value?.commandLine;
  return (
    <>
      {problems.length > 0 && (
        <div className={css.section}>
          <h2>What Guesthouse does not run as it stands</h2>
          <ul>
            {problems.map((problem) => (
              <li key={`${problem.path}-${problem.line}`}>
                <code>{problem.path}</code>, line {problem.line}: {problem.reason}
              </li>
            ))}
          </ul>
        </div>
      )}
      {command && (
        <div className={css.section}>
          <Disclosure title="QEMU command line">
            <CopyText text={command.join(' ')} label="command line" write={writeClipboard} wrap />
          </Disclosure>
        </div>
      )}
    </>
  );
}
