import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { KeyCopy, KeyCopyHost } from '../../../shared/model/key.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { copyGoesOn, offerableKeys, useKeyCopies, useKeys } from '../../stores/keys.ts';
import { cancelOperation, isUnderWay, useOperations } from '../../stores/operations.ts';
import { useHosts } from '../../stores/servers.ts';
import { openSshConsoles } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import { typeWords } from '../../ui/key-type.ts';
import { Dot, Progress } from '../../ui/parts.tsx';
import { copyHostTestId, testIds } from '../../ui/testids.ts';
import css from './keys.module.css';

const close = () => useUi.getState().close();

/** ssh-copy-id to many hosts: choose, then one result a host, live. */
export function CopyKeyDialog({ keyId, targets }: { keyId: string | null; targets: readonly string[] }) {
  const [operation, setOperation] = useState<string | null>(null);
  return operation === null ? (
    <Choose keyId={keyId} targets={targets} onStarted={setOperation} />
  ) : (
    <Doing operation={operation} onAgain={() => setOperation(null)} />
  );
}

function Choose({
  keyId,
  targets,
  onStarted,
}: {
  keyId: string | null;
  targets: readonly string[];
  onStarted: (operation: string) => void;
}) {
  const keys = offerableKeys(useKeys((state) => state.list));
  const hosts = useHosts();
  const [id, setId] = useState<string | null>(keyId);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(targets));
  const [error, setError] = useState<WireError | null>(null);
  const key = keys.find((one) => one.id === id) ?? keys[0];
  const able = key !== undefined && chosen.size > 0;
  const start = async () => {
    if (!key) return;
    try {
      onStarted((await call('keys.copyId', { id: key.id, targets: [...chosen] })).operation);
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  return (
    <Dialog
      title="Copy a key to hosts"
      width={520}
      onClose={close}
      onSubmit={() => able && void start()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!able} data-testid={testIds.copyKeySubmit}>
            {chosen.size === 0 ? 'Copy' : `Copy to ${counted(chosen.size, 'host')}`}
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {keys.length === 0 ? (
        <p>
          There is no key yet.{' '}
          <Button size="small" onPress={() => useUi.getState().open({ kind: 'new-key' })}>
            New key…
          </Button>
        </p>
      ) : (
        <label className={css.fileRow}>
          <b>Key</b>
          <select className={css.select} value={key?.id} onChange={(event) => setId(event.target.value)}>
            {keys.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name} ({typeWords(one)}
                {one.location === 'app' ? ', Guesthouse’s folder' : ''})
              </option>
            ))}
          </select>
        </label>
      )}
      {hosts.length === 0 ? (
        <p className="muted">There is no guest or server to copy it to yet. Add a server first.</p>
      ) : (
        <fieldset className={css.choose}>
          <legend className="sr-only">Hosts</legend>
          {hosts.map((host) => (
            <Checkbox
              key={host.id}
              checked={chosen.has(host.id)}
              hint={`${host.kind === 'guest' ? 'Guest' : 'Server'}, ${host.note}${
                key?.usedBy.includes(host.id) ? ', accepts it already' : ''
              }`}
              onChange={(on) => {
                const next = new Set(chosen);
                if (on) next.add(host.id);
                else next.delete(host.id);
                setChosen(next);
              }}
            >
              {host.name}
            </Checkbox>
          ))}
        </fieldset>
      )}
      <p className="muted">
        Only the public half is copied. Passwords are asked for here when a host wants them, and not kept.
        Afterwards each host is logged in to with the key, to be sure.
      </p>
    </Dialog>
  );
}

const words: Readonly<
  Record<KeyCopyHost['status'], { tone: 'running' | 'waiting' | 'failed' | 'off'; word: string }>
> = {
  waiting: { tone: 'off', word: 'Waiting' },
  connecting: { tone: 'waiting', word: 'Connecting' },
  checking: { tone: 'waiting', word: 'Checking' },
  copied: { tone: 'running', word: 'Copied, and it works' },
  already: { tone: 'running', word: 'It was there, and works' },
  unconfirmed: { tone: 'waiting', word: 'Copied, but not let in' },
  failed: { tone: 'failed', word: 'Failed' },
  cancelled: { tone: 'off', word: 'Cancelled' },
};

const isIn = (host: KeyCopyHost) => host.status === 'copied' || host.status === 'already';

function Doing({ operation, onAgain }: { operation: string; onAgain: () => void }) {
  const copy = useKeyCopies((state) => state.byOperation[operation]);
  const job = useOperations((state) => state.byId[operation]);
  useEffect(() => {
    if (!useKeyCopies.getState().byOperation[operation])
      call('keys.copyState', { operation }).then(useKeyCopies.getState().put, () => {});
  }, [operation]);
  const goesOn = copy === undefined || copyGoesOn(copy);
  const ready = copy?.hosts.filter(isIn) ?? [];
  return (
    <Dialog
      title={copy ? headline(copy) : 'Copying'}
      width={560}
      testId={testIds.copyKeyDone}
      onClose={close}
      foot={
        goesOn ? (
          <>
            <Button
              isDisabled={!job || !isUnderWay(job) || job.status === 'cancelling'}
              onPress={() => cancelOperation(operation)}
            >
              {job?.status === 'cancelling' ? 'Cancelling…' : 'Cancel'}
            </Button>
            <Button look="primary" onPress={close}>
              Go on in the background
            </Button>
          </>
        ) : (
          <>
            {ready.length < copy.hosts.length && <Button onPress={onAgain}>Back</Button>}
            <Button onPress={close} look={ready.length === 0 ? 'primary' : 'plain'}>
              Close
            </Button>
            {ready.length > 0 && (
              <Button
                look="primary"
                autoFocus
                onPress={() => {
                  close();
                  void openSshConsoles(ready.map((host) => host.target)).catch(tellError);
                }}
              >
                {ready.length === 1 ? 'Open its console' : `Open ${ready.length} consoles`}
              </Button>
            )}
          </>
        )
      }
    >
      {goesOn && <Progress fraction={job?.fraction ?? null} label="Copying" />}
      <ul className={css.results} aria-live="polite">
        {copy?.hosts.map((host) => (
          <Result key={host.target} host={host} />
        ))}
      </ul>
    </Dialog>
  );
}

function headline({ keyName, hosts }: KeyCopy): string {
  const done = hosts.filter(isIn).length;
  const over = hosts.every(({ status }) => !['waiting', 'connecting', 'checking'].includes(status));
  if (!over) return `Copying ${keyName} to ${counted(hosts.length, 'host')}`;
  return done === hosts.length
    ? `${keyName} opens ${counted(done, 'host')}`
    : `${keyName} opens ${done} of ${counted(hosts.length, 'host')}`;
}

function Result({ host }: { host: KeyCopyHost }) {
  const [open, setOpen] = useState(false);
  return (
    <li className={css.result} data-testid={copyHostTestId(host.name)}>
      <div className={css.resultLine}>
        <b title={host.name}>{host.name}</b>
        <Dot {...words[host.status]} />
        {host.log.length > 0 && (
          <Button size="small" aria-expanded={open} onPress={() => setOpen(!open)}>
            {open ? 'Hide log' : 'Log'}
          </Button>
        )}
      </div>
      {host.error && <ErrorNote error={host.error} write={writeClipboard} />}
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard
        <pre className={`${css.log} selectable`} tabIndex={0}>
          {host.log.join('\n')}
        </pre>
      )}
    </li>
  );
}
