import type { ReactNode } from 'react';
import type { IdentityFacts, IdentityRow } from '../../../shared/model/identity.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGuests } from '../../stores/guests.ts';
import { cancelOperation, useSubjectOperation } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { moment } from '../../ui/format.ts';
import { verificationWords } from '../../ui/IdentityParts.tsx';
import { OperationLine } from '../../ui/OperationLine.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Dot, StateDot } from '../../ui/parts.tsx';
import css from './identity.module.css';
import { whereRead } from './words.ts';

/** The guest's live state; what a template or server is. */
export function MachineState({ row }: { row: IdentityRow }) {
  const state = useGuests((guests) => (row.kind === 'guest' ? guests.byId[row.id]?.state : undefined));
  if (state) return <StateDot state={state} />;
  if (row.kind === 'template') return <Dot tone="off" word="Template" />;
  return <Dot tone="off" word={row.kind === 'server' ? `Server: ${row.state.toLowerCase()}` : row.state} />;
}

const machineIdWords: Readonly<Record<IdentityFacts['machineIdState'], string>> = {
  ok: '',
  empty: 'empty: the next boot makes one',
  uninitialized: 'uninitialized: the next boot makes one and counts as the first',
  missing: 'missing: the next boot makes one',
  malformed: 'not a valid machine-id',
};

const dbusWords: Readonly<Record<IdentityFacts['dbus'], string>> = {
  link: 'a link to /etc/machine-id',
  same: 'a copy with the same value; a link is safer',
  different: 'a different value: the system may bring it back',
  missing: 'missing',
  empty: 'empty',
  none: 'this system has no D-Bus',
  unreadable: 'on a file system that cannot be read here',
};

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

const Mono = ({ text, label }: { text: string; label: string }) => (
  <CopyText text={text} label={label} write={writeClipboard} />
);

/** Everything that was read of one machine. */
export function RowFacts({ row }: { row: IdentityRow }) {
  const { facts, error } = row;
  const { word, tone, meaning } = verificationWords[row.verification];
  return (
    <div className={css.facts}>
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <dl className={panes.facts}>
        <Fact name="Verification">
          {row.kind === 'template' ? (
            <Dot tone="off" word="Sealed" />
          ) : (
            <>
              <Dot tone={tone} word={word} />
              <div className="muted">{meaning}</div>
            </>
          )}
        </Fact>
        {row.writtenAt !== null && <Fact name="Written">{moment(row.writtenAt)}</Fact>}
        {facts && (
          <>
            <Fact name="machine-id">
              {facts.machineId ? (
                <Mono text={facts.machineId} label="machine-id" />
              ) : (
                machineIdWords[facts.machineIdState]
              )}
            </Fact>
            <Fact name="D-Bus id">{dbusWords[facts.dbus]}</Fact>
            <Fact name="Hostname">{facts.hostname ?? <span className="muted">none</span>}</Fact>
            <Fact name="Host keys">
              {facts.hostKeys.length === 0 && <span className="muted">none</span>}
              {facts.hostKeys.map((key) => (
                <div key={key.fingerprint} className={css.hostKey}>
                  <Mono text={key.fingerprint} label={`${key.type} fingerprint`} />
                  <span className="muted">{key.type}</span>
                </div>
              ))}
            </Fact>
          </>
        )}
        {row.uuid && (
          <Fact name="UUID">
            <Mono text={row.uuid} label="UUID" />
            {facts?.seen?.uuid && facts.seen.uuid !== row.uuid.toLowerCase() && (
              <div className="muted">the running system sees {facts.seen.uuid}</div>
            )}
          </Fact>
        )}
        {row.macs.length > 0 && (
          <Fact name="MAC">
            {row.macs.map((mac) => (
              <div key={mac}>
                <Mono text={mac} label="MAC address" />
              </div>
            ))}
            {row.macs.some((mac) => facts?.seen && !facts.seen.macs.includes(mac)) && (
              <div className="muted">the running system sees {facts!.seen!.macs.join(', ') || 'none'}</div>
            )}
          </Fact>
        )}
        {facts?.os && <Fact name="System">{facts.os}</Fact>}
        {facts && <Fact name="Read">{whereRead(row)}</Fact>}
      </dl>
    </div>
  );
}

/** Verify, repair, put back: whichever its state allows. */
export function RowActions({ row }: { row: IdentityRow }) {
  const guest = useGuests((guests) => (row.kind === 'guest' ? guests.byId[row.id] : undefined));
  const operation = useSubjectOperation(row.id);
  if (row.kind === 'template')
    return (
      <p className="muted">Its clones get values of their own. To empty it further, seal a guest anew.</p>
    );
  const up = row.kind === 'server' || guest?.state === 'running';
  const { open } = useUi.getState();
  if (operation) return <OperationLine operation={operation} onCancel={cancelOperation} flush />;
  return (
    <div className={panes.buttons}>
      {up && (
        <Button size="small" onPress={() => void call('identity.verify', { id: row.id }).catch(tellError)}>
          {row.verification === 'none' ? 'Read over SSH' : 'Verify over SSH'}
        </Button>
      )}
      {row.verification === 'restart-needed' && guest?.state === 'running' && (
        <Button size="small" onPress={() => void call('guests.reboot', { id: row.id }).catch(tellError)}>
          Restart now
        </Button>
      )}
      <Button size="small" onPress={() => open({ kind: 'repair', ids: [row.id] })}>
        Repair…
      </Button>
      {row.restorable && (
        <Button size="small" onPress={() => open({ kind: 'identity-restore', id: row.id })}>
          Put back old values…
        </Button>
      )}
    </div>
  );
}
