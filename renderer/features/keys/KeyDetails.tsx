import { Copy, Ellipsis } from 'lucide-react';
import type { Key } from '../../../shared/model/key.ts';
import { call, shell } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGuests } from '../../stores/guests.ts';
import { useKeys } from '../../stores/keys.ts';
import { hostNameOf, useServers } from '../../stores/servers.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { moment } from '../../ui/format.ts';
import { typeWords } from '../../ui/key-type.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './keys.module.css';

async function copyPublic(key: Key) {
  await writeClipboard(await call('keys.publicText', { id: key.id }));
  tell(`The public key of ${key.name} is on the clipboard`);
}

export function KeyDetails({ item: key }: { item: Key }) {
  const agent = useKeys((state) => state.list?.agent);
  const { open } = useUi.getState();
  const file = key.path ?? key.publicPath;
  return (
    <>
      <div className={panes.actions}>
        <Button
          look="primary"
          data-testid={testIds.copyKey}
          onPress={() => open({ kind: 'copy-key', key: key.id, targets: [] })}
        >
          Copy to hosts…
        </Button>
        <Button onPress={() => void copyPublic(key).catch(tellError)}>
          <Copy size={16} aria-hidden="true" />
          Public key
        </Button>
        <MenuButton
          label={`More actions for ${key.name}`}
          button={
            <Button aria-label="More actions">
              <Ellipsis size={16} aria-hidden="true" />
            </Button>
          }
          entries={[
            ...(key.path === null
              ? []
              : [
                  {
                    id: 'passphrase',
                    label: key.encrypted ? 'Change passphrase…' : 'Set a passphrase…',
                    run: () => open({ kind: 'key-passphrase', id: key.id }),
                  },
                  key.inAgent
                    ? {
                        id: 'agent',
                        label: 'Remove from the agent',
                        run: () => void call('keys.agentRemove', { id: key.id }).catch(tellError),
                      }
                    : {
                        id: 'agent',
                        label: 'Add to the agent',
                        disabled: agent !== 'running',
                        run: () => void call('keys.agentAdd', { id: key.id }).catch(tellError),
                      },
                ]),
            ...(file === null
              ? []
              : [
                  {
                    id: 'folder',
                    label: 'Show folder',
                    run: () => void shell('shell.showInFolder', { path: file }).catch(tellError),
                  },
                ]),
            {
              id: 'delete',
              label: 'Delete',
              dangerous: true,
              apart: true,
              // It can be undone, so it is not asked about; the toast offers the way back.
              run: () => void call('keys.delete', { id: key.id }).catch(tellError),
            },
          ]}
        />
      </div>
      <div className={panes.panel}>
        {key.unreadable && <p className={panes.note}>{key.unreadable}</p>}
        {key.encrypted === false && (
          <p className={panes.note}>
            It has no passphrase: whoever gets the file can use it. Set one, and let the agent keep it
            unlocked.
          </p>
        )}
        <dl className={panes.facts}>
          <dt>Type</dt>
          <dd>{typeWords(key)}</dd>
          {(key.fingerprint ?? key.noFingerprint) && (
            <>
              <dt>Fingerprint</dt>
              <dd>
                {key.fingerprint ? (
                  <CopyText text={key.fingerprint} label="fingerprint" write={writeClipboard} wrap />
                ) : (
                  `Not known. ${key.noFingerprint}`
                )}
              </dd>
            </>
          )}
          {key.comment && (
            <>
              <dt>Comment</dt>
              <dd className="selectable">{key.comment}</dd>
            </>
          )}
          <dt>Passphrase</dt>
          <dd>{key.encrypted === null ? 'no private key here' : key.encrypted ? 'yes' : 'none'}</dd>
          <dt>In the agent</dt>
          <dd>{key.inAgent ? 'yes' : agent === 'none' ? 'no agent runs' : 'no'}</dd>
          <dt>Where</dt>
          <dd>{key.location === 'ssh' ? '~/.ssh' : 'Guesthouse’s own folder'}</dd>
          {key.path && (
            <>
              <dt>Private key</dt>
              <dd>
                <CopyText text={key.path} label="path" write={writeClipboard} wrap />
              </dd>
            </>
          )}
          {key.publicPath && (
            <>
              <dt>Public key</dt>
              <dd>
                <CopyText text={key.publicPath} label="path" write={writeClipboard} wrap />
              </dd>
            </>
          )}
          <dt>Changed</dt>
          <dd>{moment(key.modifiedAt)}</dd>
        </dl>
        <UsedBy item={key} />
        {key.randomart && (
          <div>
            <h3>Randomart</h3>
            <pre className={css.art}>{key.randomart}</pre>
          </div>
        )}
      </div>
    </>
  );
}

/** Who lets one in with it, and who is only tried with it. */
function UsedBy({ item: key }: { item: Key }) {
  const guests = useGuests((state) => state.byId);
  const servers = useServers((state) => state.byId);
  // One that was removed from the lists may accept it still, but cannot be asked any more.
  const known = key.usedBy.filter((id) => id in guests || id in servers);
  const set = Object.values(servers).flatMap(({ id, keyId }) =>
    keyId === key.id && !known.includes(id) ? [id] : [],
  );
  const { open } = useUi.getState();
  return (
    <>
      <div>
        <h3>Accepted by</h3>
        {known.length === 0 ? (
          <p className="muted">No guest or server is known to accept it yet.</p>
        ) : (
          <Hosts
            ids={known}
            act="Remove…"
            label="Remove from"
            onAct={(target) => open({ kind: 'remove-key', key: key.id, target })}
          />
        )}
      </div>
      {set.length > 0 && (
        <div>
          <h3>Set to be used for</h3>
          <p className="muted">Whether they accept it has not been seen here.</p>
          <Hosts
            ids={set}
            act="Copy it there…"
            label="Copy it to"
            onAct={(target) => open({ kind: 'copy-key', key: key.id, targets: [target] })}
          />
        </div>
      )}
    </>
  );
}

function Hosts({
  ids,
  act,
  label,
  onAct,
}: {
  ids: readonly string[];
  act: string;
  /** The same for a screen reader, which hears the name after it. */
  label: string;
  onAct: (id: string) => void;
}) {
  return (
    <ul className={css.hosts}>
      {ids.map((id) => (
        <li key={id}>
          <span>{hostNameOf(id)}</span>
          <Button size="small" aria-label={`${label} ${hostNameOf(id)}`} onPress={() => onAct(id)}>
            {act}
          </Button>
        </li>
      ))}
    </ul>
  );
}
