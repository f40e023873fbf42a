import { Container as ContainerIcon, Ellipsis, Plus } from 'lucide-react';
import { useEffect } from 'react';
import { type Container, type ContainerHost, localHost } from '../../../shared/model/container.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import {
  actOnContainer,
  containerState,
  openContainerConsole,
  useContainerHosts,
  useContainerStats,
  useContainers,
  useContainerView,
} from '../../stores/containers.ts';
import { useSubjectOperation } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, cores } from '../../ui/format.ts';
import { ListTable } from '../../ui/ListTable.tsx';
import { MenuButton } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { Dot, Empty } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { containerRowTestId, testIds } from '../../ui/testids.ts';
import { ContainerDetails } from './ContainerDetails.tsx';
import css from './containers.module.css';
import { hostWords } from './host-words.ts';

/** Milliseconds between the calls that keep lists and stats coming; core lets go after 30 s. */
const watchEvery = 12_000;

/** Containers of this computer and of guests and servers with podman. */
export function ContainersPage() {
  const containers = useContainers((state) => state.all);
  const hosts = useContainerHosts((state) => state.all);
  const detailsWidth = useUi((state) => state.detailsWidth);
  const { chosen, open } = useContainerView();
  const { set } = useContainerView.getState();
  const { open: show } = useUi.getState();
  useEffect(() => {
    const watch = () => void call('containers.watch', {}).catch(tellError);
    watch();
    const timer = setInterval(watch, watchEvery);
    return () => clearInterval(timer);
  }, []);

  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const shown = [...containers].sort((a, b) => order.compare(a.name, b.name));
  const container = shown.find(({ id }) => id === chosen);
  const local = hosts.find(({ id }) => id === localHost);
  const several = hosts.length > 1;

  const body = (
    <div className={panes.listPane} data-testid={testIds.containersPage}>
      <header className={panes.toolbar}>
        <h1>Containers</h1>
        <Button size="small" onPress={() => show({ kind: 'container-hosts' })}>
          Hosts…
        </Button>
        <Button size="small" onPress={() => show({ kind: 'compare', id: container?.id ?? null })}>
          Compare with a guest…
        </Button>
        <Button
          size="small"
          look="primary"
          data-testid={testIds.newContainer}
          onPress={() => show({ kind: 'new-container', host: null })}
        >
          <Plus size={14} aria-hidden="true" />
          Run an application
        </Button>
      </header>
      {several && <Hosts hosts={hosts} />}
      {shown.length === 0 ? (
        <Nothing local={local} />
      ) : (
        <ListTable<Container>
          label="Containers"
          items={shown}
          selected={container?.id ?? null}
          onSelect={(id) => set({ chosen: id })}
          onShow={() => set({ open: true })}
          onOpen={(one) => void openContainerConsole(one.id, one.state === 'running' ? 'shell' : 'logs')}
          rowTestId={containerRowTestId}
          columns={[
            { id: 'name', title: 'Name', cell: (one) => one.name },
            { id: 'state', title: 'State', width: '118px', cell: (one) => <Dot {...containerState(one)} /> },
            { id: 'cpu', title: 'CPU', width: '64px', cell: (one) => <Use id={one.id} what="cpu" /> },
            {
              id: 'memory',
              title: 'Memory',
              width: '84px',
              cell: (one) => <Use id={one.id} what="memory" />,
            },
            { id: 'image', title: 'Image', cell: (one) => shortImage(one.image) },
            ...(several
              ? [
                  {
                    id: 'host',
                    title: 'On',
                    width: '120px',
                    cell: (one: Container) => hosts.find(({ id }) => id === one.host)?.name ?? one.host,
                  },
                ]
              : []),
          ]}
        />
      )}
    </div>
  );
  if (shown.length === 0) return body;
  return (
    <TwoPanes
      page="Containers"
      list={body}
      title={container?.name ?? null}
      mark={container && <Dot {...containerState(container)} />}
      label={container ? `Details of ${container.name}` : 'Details'}
      details={
        container ? (
          <>
            <Actions container={container} />
            <ContainerDetails key={container.id} container={container} />
          </>
        ) : (
          <Empty title="No container selected">Choose one in the list. Enter opens a terminal in it.</Empty>
        )
      }
      width={detailsWidth}
      onWidth={(width) => useUi.getState().set({ detailsWidth: width })}
      open={open}
      onOpen={(next) => set({ open: next })}
      testId={testIds.containerDetails}
    />
  );
}

/** `localhost/guesthouse/busybox:1f…` is ours: its last part says enough. */
function shortImage(image: string): string {
  const ours = /^localhost\/guesthouse\/(\w+):/.exec(image);
  return ours ? `${ours[1]}, made here` : image.replace(/^(localhost|docker\.io\/library|docker\.io)\//, '');
}

function Use({ id, what }: { id: string; what: 'cpu' | 'memory' }) {
  const last = useContainerStats((state) => state.history[id]?.at(-1));
  const runs = useContainers((state) => state.byId[id]?.pid !== null);
  if (!last || !runs) return '–';
  if (what === 'memory') return bytes(last.memory);
  return last.cpu === null ? '–' : cores(last.cpu);
}

function Hosts({ hosts }: { hosts: readonly ContainerHost[] }) {
  return (
    <div className={css.hosts}>
      {hosts.map((host) => (
        <span key={host.id}>
          {host.name} <Dot {...hostWords(host)} title={host.error?.message} />
        </span>
      ))}
    </div>
  );
}

function Nothing({ local }: { local: ContainerHost | undefined }) {
  const { open } = useUi.getState();
  const trouble = local?.error ?? null;
  return (
    <Empty
      title={trouble ? 'No containers here yet' : 'No containers'}
      icon={<ContainerIcon size={24} aria-hidden="true" />}
      action={
        <span className={panes.buttons}>
          {trouble === null && (
            <Button look="primary" size="large" onPress={() => open({ kind: 'new-container', host: null })}>
              Run an application
            </Button>
          )}
          <Button size="large" onPress={() => open({ kind: 'container-hosts' })}>
            Use a guest or server
          </Button>
        </span>
      }
    >
      A container is the lighter neighbour of a guest: an application with a file system of its own, on the
      kernel of this computer, held to the memory and CPU you give it. It starts in a moment; it shares more
      with this computer than a guest does.
      {trouble && <ErrorNote error={trouble} write={writeClipboard} />}
    </Empty>
  );
}

function Actions({ container }: { container: Container }) {
  const busy = useSubjectOperation(container.id) !== undefined;
  const { id, state, name } = container;
  const runs = state === 'running';
  const { open } = useUi.getState();
  return (
    <div className={panes.actions}>
      {runs ? (
        <>
          <Button
            look="primary"
            data-testid={testIds.openConsole}
            onPress={() => void openContainerConsole(id, 'shell')}
          >
            Terminal
          </Button>
          <Button isDisabled={busy} onPress={() => void actOnContainer('stop', id)}>
            {busy ? 'Stopping…' : 'Stop'}
          </Button>
        </>
      ) : state === 'paused' ? (
        <Button look="primary" onPress={() => void actOnContainer('unpause', id)}>
          Go on
        </Button>
      ) : (
        <Button look="primary" isDisabled={busy} onPress={() => void actOnContainer('start', id)}>
          Start
        </Button>
      )}
      <MenuButton
        label={`More actions for ${name}`}
        button={
          <Button aria-label="More actions">
            <Ellipsis size={16} aria-hidden="true" />
          </Button>
        }
        entries={[
          { id: 'log', label: 'Follow its log', run: () => void openContainerConsole(id, 'logs') },
          { id: 'limits', label: 'Change limits…', run: () => open({ kind: 'container-limits', id }) },
          { id: 'compare', label: 'Compare with a guest…', run: () => open({ kind: 'compare', id }) },
          {
            id: 'restart',
            label: 'Restart',
            apart: true,
            disabled: !runs || busy,
            run: () => void actOnContainer('restart', id),
          },
          { id: 'pause', label: 'Pause', disabled: !runs, run: () => void actOnContainer('pause', id) },
          {
            id: 'remove',
            label: 'Remove…',
            dangerous: true,
            apart: true,
            run: () => open({ kind: 'container-remove', id }),
          },
        ]}
      />
    </div>
  );
}
