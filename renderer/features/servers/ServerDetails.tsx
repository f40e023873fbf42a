import { useEffect, useState } from 'react';
import type { HostKeyInfo } from '../../../shared/ipc/servers.ts';
import type { Server } from '../../../shared/model/server.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useKey } from '../../stores/keys.ts';
import { hostNameOf, serverAddress, useServers } from '../../stores/servers.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Confirm } from '../../ui/Dialog.tsx';
import { ago, duration } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { CopyText, Tag } from '../../ui/parts.tsx';

export function ServerDetails({ server }: { server: Server }) {
  const key = useKey(server.keyId);
  const jump = useServers((state) => (server.jump === null ? undefined : state.byId[server.jump]));
  const [hostKeys, setHostKeys] = useState<readonly HostKeyInfo[]>([]);
  // A connection may have pinned one: what is reachable changed then.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    let current = true;
    call('ssh.hostKeys', { target: server.id }).then(
      (found) => current && setHostKeys(found),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [server.id, server.address, server.port, server.reachable]);
  const { info } = server;
  return (
    <div className={panes.panel}>
      <dl className={panes.facts}>
        <dt>Address</dt>
        <dd>
          <CopyText text={serverAddress(server)} label="address" write={writeClipboard} wrap />
        </dd>
        <dt>Key</dt>
        <dd>
          {server.keyId === null ? (
            <span className="muted">the agent and the usual ones</span>
          ) : (
            (key?.name ?? server.keyId)
          )}
        </dd>
        {server.jump && (
          <>
            <dt>By way of</dt>
            <dd>{jump?.name ?? server.jump}</dd>
          </>
        )}
        <dt>Host key</dt>
        <dd>
          {hostKeys.length === 0 ? (
            <span className="muted">asked for at the first connection</span>
          ) : (
            hostKeys.map((one) => (
              <div key={one.fingerprint}>
                {one.type} <CopyText text={one.fingerprint} label="fingerprint" write={writeClipboard} wrap />
              </div>
            ))
          )}
        </dd>
        {server.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd className={panes.tags}>
              {server.tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
            </dd>
          </>
        )}
      </dl>
      {info ? (
        <div>
          <h3>The machine</h3>
          <dl className={panes.facts}>
            <dt>System</dt>
            <dd>{info.os}</dd>
            <dt>Kernel</dt>
            <dd>{info.kernel}</dd>
            <dt>Hostname</dt>
            <dd className="selectable">{info.hostname}</dd>
            <dt>Logged in as</dt>
            <dd className="selectable">{info.user}</dd>
            <dt>Up for</dt>
            <dd>{info.uptime === null ? 'not known' : duration(info.uptime * 1000)}</dd>
            <dt>machine-id</dt>
            <dd>
              {info.machineId ? (
                <CopyText text={info.machineId} label="machine-id" write={writeClipboard} wrap />
              ) : (
                'none'
              )}
            </dd>
            <dt>Looked at</dt>
            <dd>{ago(info.at)}</dd>
          </dl>
        </div>
      ) : (
        <p className="muted">“Look at it” logs in and reads its system, uptime and machine-id.</p>
      )}
    </div>
  );
}

/** After the person checked that a changed key is right. */
export function ForgetHostKeyDialog({ id }: { id: string }) {
  const name = hostNameOf(id);
  const [busy, setBusy] = useState(false);
  const close = () => useUi.getState().close();
  const forget = async () => {
    setBusy(true);
    // Closed when it is done: a connection begun before would find one key on one look and none on the next.
    await call('ssh.forgetHostKey', { target: id }).then(
      () => tell(`The next connection asks for the key of ${name} anew`),
      tellError,
    );
    close();
  };
  return (
    <Confirm
      title={`Forget the host key of ${name}?`}
      act="Forget it"
      busy={busy}
      onClose={close}
      onAct={() => void forget()}
    >
      <p>
        A changed key means that the machine was installed anew, or that someone stands between and poses as
        it. Forget the old one only when you know that it is the first. The next connection shows the
        fingerprint and asks.
      </p>
    </Confirm>
  );
}
