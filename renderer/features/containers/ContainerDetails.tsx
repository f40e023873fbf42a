import { type ReactNode, useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { joinWords } from '../../../shared/model/command-line.ts';
import type { Container, ContainerDetail, ContainerStats, Limits } from '../../../shared/model/container.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import {
  openContainerConsole,
  useContainerHistory,
  useContainerHosts,
  useContainerView,
} from '../../stores/containers.ts';
import { useGroups } from '../../stores/groups.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, cores, moment } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { CopyText } from '../../ui/parts.tsx';
import { Tabs } from '../../ui/Tabs.tsx';
import { containerGraphTestId } from '../../ui/testids.ts';
import { UseGraph } from '../../ui/UseGraph.tsx';
import css from './containers.module.css';
import { diskCeiling, limitLines } from './limit-words.ts';

/** A container's details; read anew whenever it changes. */
export function ContainerDetails({ container }: { container: Container }) {
  const tab = useContainerView((state) => state.tab);
  const [detail, setDetail] = useState<ContainerDetail | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  useEffect(() => {
    let current = true;
    call('containers.detail', { id: container.id }).then(
      (found) => {
        if (!current) return;
        setDetail(found);
        setError(null);
      },
      (cause) => current && setError(toWire(cause)),
    );
    return () => {
      current = false;
    };
    // The object is a new one with every change of the container.
  }, [container]);
  if (error)
    return (
      <div className={panes.panel}>
        <ErrorNote error={error} write={writeClipboard} />
      </div>
    );
  return (
    <Tabs
      label={`Details of ${container.name}`}
      selected={tab}
      onSelect={(id) => useContainerView.getState().set({ tab: id })}
      tabs={[
        {
          id: 'overview',
          title: 'Overview',
          content: () => <Overview container={container} detail={detail} />,
        },
        { id: 'environment', title: 'Environment', content: () => <Environment detail={detail} /> },
        { id: 'log', title: 'Log', content: () => <Log container={container} /> },
        {
          id: 'inspect',
          title: 'Inspect',
          content: () => (
            <div className={cx(panes.panel, panes.tabPanel)}>
              <pre className={css.log}>{detail?.inspect ?? ''}</pre>
            </div>
          ),
        },
      ]}
    />
  );
}

function Overview({ container, detail }: { container: Container; detail: ContainerDetail | null }) {
  const host = useContainerHosts((state) => state.byId[container.host]);
  const group = useGroups((state) => state.all).find(({ members }) =>
    members.some(({ id }) => id === container.podmanId),
  );
  const limits = detail?.inForce ?? detail?.wanted ?? null;
  const lines = limits ? limitLines(limits, host?.facts ?? null) : [];
  return (
    <div className={cx(panes.panel, panes.tabPanel)}>
      {container.state === 'running' && <Graphs container={container} cpus={host?.facts?.cpus ?? 1} />}
      {container.notHeld && (
        <div className={panes.note} role="status">
          <b>It runs without limits it should have.</b> {container.notHeld.message} {container.notHeld.why}{' '}
          {container.notHeld.todo} It is tried again by itself.
        </div>
      )}
      {detail?.oomKilled && (
        <div className={panes.note}>
          The kernel killed it, or a process in it, because it wanted more memory than its limit.
        </div>
      )}
      {detail?.error && <div className={panes.note}>{detail.error}</div>}
      <div>
        <h3>Limits</h3>
        {lines.length === 0 ? (
          <p className="muted">None: it may use all that {host?.name ?? 'its host'} has.</p>
        ) : (
          <dl className={panes.facts}>
            {lines.map(({ name, value }) => (
              <Fact key={name} name={name}>
                {value}
              </Fact>
            ))}
          </dl>
        )}
        <p className={css.change}>
          <Button
            size="small"
            onPress={() => useUi.getState().open({ kind: 'container-limits', id: container.id })}
          >
            Change limits…
          </Button>
        </p>
      </div>
      <dl className={panes.facts}>
        <Fact name="Image">
          <span className="selectable">{container.image}</span>
        </Fact>
        <Fact name="Command">
          <span className="mono selectable">{joinWords(container.command) || 'the image’s own'}</span>
        </Fact>
        <Fact name="On">{host?.name ?? container.host}</Fact>
        {group && <Fact name="Group">{`${group.name}, for life: its limits hold for this one too`}</Fact>}
        {container.ports.length > 0 && (
          <Fact name="Ports">
            {container.ports.map((port) => (
              <div key={`${port.address}:${port.hostPort}/${port.protocol}`}>
                <CopyText
                  text={`${port.address || '0.0.0.0'}:${port.hostPort}`}
                  label="address"
                  write={writeClipboard}
                />{' '}
                <span className="muted">
                  to {port.port}/{port.protocol}
                </span>
              </div>
            ))}
          </Fact>
        )}
        {(detail?.addresses.length ?? 0) > 0 && <Fact name="Address">{detail?.addresses.join(', ')}</Fact>}
        <Fact name="State">{container.statusText}</Fact>
        {container.startedAt !== null && <Fact name="Started">{moment(container.startedAt)}</Fact>}
        <Fact name="Starts again">
          {detail?.restart === 'no' ? 'not by itself' : (detail?.restart ?? '')}
        </Fact>
        <Fact name="Id">
          <CopyText text={container.podmanId.slice(0, 12)} label="id" write={writeClipboard} />
        </Fact>
      </dl>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

const rate = (value: number | null | undefined) =>
  value === null || value === undefined ? '–' : `${bytes(value)}/s`;

function Graphs({ container, cpus }: { container: Container; cpus: number }) {
  const history = useContainerHistory(container.id);
  const last = history.at(-1);
  if (!last) return <p className="muted">Counting what it uses…</p>;
  const times = history.map(({ at }) => at);
  const of = (pick: (sample: ContainerStats) => number | null) => history.map(pick);
  const { limits } = last;
  const testId = (what: string) => containerGraphTestId(`${what}-${container.name}`);
  return (
    <div className={css.graphs}>
      <UseGraph
        title="CPU"
        value={last.cpu === null ? '–' : cores(last.cpu)}
        limit={limits.cpus === null ? null : { words: `of ${cores(limits.cpus)}`, value: limits.cpus }}
        note={held(last)}
        times={times}
        values={of(({ cpu }) => cpu)}
        top={limits.cpus === null ? cpus : 0.1}
        testId={testId('cpu')}
      />
      <UseGraph
        title="Memory"
        value={bytes(last.memory)}
        limit={limits.memory === null ? null : { words: `of ${bytes(limits.memory)}`, value: limits.memory }}
        note={last.oomKills > 0 ? `${last.oomKills} killed for memory` : null}
        times={times}
        values={of(({ memory }) => memory)}
        top={1 << 20}
        testId={testId('memory')}
      />
      {(limits.swap ?? 0) > 0 && (
        <UseGraph
          title="Swap"
          value={bytes(last.swap)}
          limit={{ words: `of ${bytes(limits.swap ?? 0)}`, value: limits.swap ?? 0 }}
          times={times}
          values={of(({ swap }) => swap)}
          top={1 << 20}
        />
      )}
      <UseGraph
        title="Processes"
        value={String(last.pids)}
        limit={limits.pids === null ? null : { words: `of ${limits.pids}`, value: limits.pids }}
        note={last.pidsRefused > 0 ? `${last.pidsRefused} refused` : null}
        times={times}
        values={of(({ pids }) => pids)}
        top={4}
        testId={testId('pids')}
      />
      <UseGraph
        title="Disk read"
        value={rate(last.diskRead)}
        limit={diskCeiling(limits.disk, 'readBps')}
        times={times}
        values={of(({ diskRead }) => diskRead)}
        top={1 << 20}
      />
      <UseGraph
        title="Disk written"
        value={rate(last.diskWrite)}
        limit={diskCeiling(limits.disk, 'writeBps')}
        times={times}
        values={of(({ diskWrite }) => diskWrite)}
        top={1 << 20}
        testId={testId('disk-write')}
      />
      <UseGraph
        title="Network in"
        value={rate(last.netIn)}
        limit={netLimit(limits.netDown)}
        times={times}
        values={of(({ netIn }) => netIn)}
        top={16 << 10}
      />
      <UseGraph
        title="Network out"
        value={rate(last.netOut)}
        limit={netLimit(limits.netUp)}
        times={times}
        values={of(({ netOut }) => netOut)}
        top={16 << 10}
      />
    </div>
  );
}

const netLimit = (bits: Limits['netUp']) =>
  bits === null ? null : { words: `of ${bytes(bits / 8)}/s`, value: bits / 8 };

/** How often its CPU limit held it back, lately. */
function held({ throttled }: ContainerStats): string | null {
  return throttled === null || throttled < 0.05
    ? null
    : `held back ${Math.round(throttled * 100)}% of the time`;
}

function Environment({ detail }: { detail: ContainerDetail | null }) {
  if (!detail) return null;
  return (
    <div className={cx(panes.panel, panes.tabPanel)}>
      <div>
        <h3>Folders and volumes</h3>
        {detail.mounts.length === 0 ? (
          <p className="muted">None: what it writes stays in it, and goes with it.</p>
        ) : (
          <dl className={panes.facts}>
            {detail.mounts.map((mount) => (
              <Fact key={mount.target} name={mount.target}>
                <span className="mono selectable">{mount.source}</span>{' '}
                <span className="muted">{mount.readOnly ? 'read only' : 'may be written'}</span>
              </Fact>
            ))}
          </dl>
        )}
      </div>
      <Disclosure title={`Variables (${detail.env.length}); some may be secret`}>
        <dl className={panes.facts}>
          {detail.env.map(({ name, value }) => (
            <Fact key={name} name={name}>
              <span className="mono selectable">{value}</span>
            </Fact>
          ))}
        </dl>
      </Disclosure>
      <dl className={panes.facts}>
        <Fact name="Folder">{detail.workingDir || '/'}</Fact>
        <Fact name="User">{detail.user || 'root of the container'}</Fact>
      </dl>
    </div>
  );
}

function Log({ container }: { container: Container }) {
  const [text, setText] = useState<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: read anew when its state changes
  useEffect(() => {
    let current = true;
    call('containers.logs', { id: container.id }).then((log) => current && setText(log), tellError);
    return () => {
      current = false;
    };
  }, [container.id, container.state]);
  return (
    <div className={cx(panes.panel, panes.tabPanel)}>
      <p>
        <Button size="small" onPress={() => void openContainerConsole(container.id, 'logs')}>
          Follow it in a console
        </Button>
      </p>
      {text === '' ? (
        <p className="muted">It has said nothing yet.</p>
      ) : (
        <pre className={css.log}>{text ?? ''}</pre>
      )}
    </div>
  );
}
