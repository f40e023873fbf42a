import { useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { type ContainerHost, localHost } from '../../../shared/model/container.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useContainerHosts } from '../../stores/containers.ts';
import { operationEnd } from '../../stores/operations.ts';
import { useHosts } from '../../stores/servers.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import panes from '../../ui/panes.module.css';
import { Dot } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './containers.module.css';
import { hostLine, hostWords } from './host-words.ts';

/** Where containers run: this computer, and guests and servers with podman. */
export function HostsDialog() {
  const hosts = useContainerHosts((state) => state.all);
  const machines = useHosts();
  const [chosen, setChosen] = useState('');
  const [sudo, setSudo] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const close = () => useUi.getState().close();
  const target = machines.find(({ id }) => id === chosen)?.id ?? machines[0]?.id ?? '';
  const add = async () => {
    setError(null);
    setBusy(true);
    try {
      const { id } = await call('containers.addHost', { target, sudo });
      const { operation } = await call('containers.lookAtHost', { host: id });
      await operationEnd(operation);
    } catch (cause) {
      setError(toWire(cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Where containers run"
      width={560}
      testId={testIds.containerHosts}
      onClose={close}
      foot={
        <Button look="primary" onPress={close}>
          Close
        </Button>
      }
    >
      <ul className={css.hostList}>
        {hosts.map((host) => (
          <HostRow key={host.id} host={host} />
        ))}
      </ul>
      {machines.length === 0 ? (
        <p className="muted">
          A guest or server with podman can be a host too. There is none to reach by SSH yet.
        </p>
      ) : (
        <>
          <Select
            label="Add a guest or server"
            value={target}
            onChange={setChosen}
            groups={(['guest', 'server'] as const).map((kind) => ({
              title: kind === 'guest' ? 'Guests' : 'Servers',
              options: machines
                .filter((one) => one.kind === kind)
                .map(({ id, name, note }) => ({ id, label: `${name} (${note})` })),
            }))}
            hint="podman must be installed there; it needs no daemon."
          />
          <Checkbox
            checked={sudo}
            onChange={setSudo}
            hint="Needs sudo without a password. Limits hold there even where your account may set none."
          >
            As root, by sudo
          </Checkbox>
          <div className={panes.buttons}>
            <Button onPress={() => void add()} isDisabled={busy || target === ''}>
              {busy ? 'Looking at it…' : 'Add it'}
            </Button>
          </div>
        </>
      )}
      {error && <ErrorNote error={error} write={writeClipboard} />}
    </Dialog>
  );
}

function HostRow({ host }: { host: ContainerHost }) {
  const look = () =>
    void call('containers.lookAtHost', { host: host.id })
      .then(({ operation }) => operationEnd(operation))
      .catch(() => {}); // its row says what is wrong
  return (
    <li>
      <span className={css.hostName}>
        {host.name} <Dot {...hostWords(host)} />
      </span>
      <span className={panes.buttons}>
        <Button
          size="small"
          onPress={() => useUi.getState().open({ kind: 'container-images', host: host.id })}
          isDisabled={host.status !== 'ready'}
        >
          Images…
        </Button>
        <Button size="small" onPress={look} isDisabled={host.status === 'looking'}>
          Look again
        </Button>
        {host.id !== localHost && (
          <Button
            size="small"
            onPress={() => void call('containers.removeHost', { host: host.id }).catch(tellError)}
          >
            Take out
          </Button>
        )}
      </span>
      <small className="selectable">{hostLine(host)}</small>
    </li>
  );
}
