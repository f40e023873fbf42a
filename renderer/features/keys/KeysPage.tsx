import { Ellipsis, KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import type { Key } from '../../../shared/model/key.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose, useChosen } from '../../stores/chosen.ts';
import { allProblems, refused, useKeys } from '../../stores/keys.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { typeWords } from '../../ui/key-type.ts';
import { ListTable } from '../../ui/ListTable.tsx';
import { MenuButton } from '../../ui/Menu.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Dot, Empty, Progress } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { keyRowTestId, testIds } from '../../ui/testids.ts';
import { KeyDetails } from './KeyDetails.tsx';
import css from './keys.module.css';
import { Permissions } from './Permissions.tsx';

export function verdict(key: Key): { tone: 'running' | 'waiting' | 'failed'; word: string } {
  if (key.unreadable) return { tone: 'failed', word: 'Unreadable' };
  if (refused(key)) return { tone: 'failed', word: 'ssh refuses it' };
  if (key.problems.length > 0) return { tone: 'waiting', word: 'Exposed' };
  return { tone: 'running', word: 'Good' };
}

/** Every key pair of this person: what it is, who may read it, and where it is accepted. */
export function KeysPage() {
  const { list, error, loading, fetch } = useKeys();
  const detailsWidth = useUi((state) => state.detailsWidth);
  const chosen = useChosen((state) => state.keys);
  const [open, setOpen] = useState(false);
  const keys = list?.keys ?? [];
  const key = keys.find((one) => one.id === chosen);
  const problems = allProblems(list);

  const body = (
    <div className={panes.listPane} data-testid={testIds.keysPage}>
      <Head />
      {error && (
        <div className={css.above}>
          <ErrorNote error={error} write={writeClipboard} />
          <Button size="small" onPress={() => void fetch()}>
            Try again
          </Button>
        </div>
      )}
      {problems.length > 0 && <Permissions problems={problems} />}
      {!list && loading && (
        <div className={css.above}>
          <Progress fraction={null} label="Looking at the keys" />
        </div>
      )}
      {list && keys.length === 0 && (
        <Empty
          title="No keys"
          icon={<KeyRound size={24} aria-hidden="true" />}
          action={
            <span className={panes.buttons}>
              <Button look="primary" size="large" onPress={() => useUi.getState().open({ kind: 'new-key' })}>
                New key
              </Button>
              <Button size="large" onPress={() => useUi.getState().open({ kind: 'import-key' })}>
                Import…
              </Button>
            </span>
          }
        >
          A key logs you in without a password. Its private half stays on this computer; its public half goes
          to every machine that is to let you in.
        </Empty>
      )}
      {keys.length > 0 && (
        <ListTable<Key>
          label="Keys"
          items={keys}
          selected={key?.id ?? null}
          onSelect={(id) => choose('keys', id)}
          onShow={() => setOpen(true)}
          onOpen={() => setOpen(true)}
          rowTestId={keyRowTestId}
          columns={[
            { id: 'name', title: 'Name', cell: (one) => one.name },
            { id: 'state', title: 'Permissions', width: '124px', cell: (one) => <Dot {...verdict(one)} /> },
            { id: 'type', title: 'Type', width: '92px', cell: typeWords },
            {
              id: 'fingerprint',
              title: 'Fingerprint',
              cell: (one) =>
                one.fingerprint === null ? (
                  <span className="muted">not known</span>
                ) : (
                  <CopyText text={one.fingerprint} label="fingerprint" write={writeClipboard} />
                ),
            },
            {
              id: 'passphrase',
              title: 'Passphrase',
              width: '84px',
              cell: (one) => (one.encrypted === null ? '–' : one.encrypted ? 'Yes' : 'No'),
            },
            { id: 'agent', title: 'Agent', width: '56px', cell: (one) => (one.inAgent ? 'Yes' : 'No') },
          ]}
        />
      )}
      {list && list.trash.length > 0 && <Trash />}
    </div>
  );
  if (keys.length === 0) return body;
  return (
    <TwoPanes
      page="Keys"
      list={body}
      title={key?.name ?? null}
      mark={key && <Dot {...verdict(key)} />}
      label={key ? `Details of ${key.name}` : 'Details'}
      details={
        key ? (
          <KeyDetails key={key.id} item={key} />
        ) : (
          <Empty title="No key selected">Choose one in the list to see what it is and who accepts it.</Empty>
        )
      }
      width={detailsWidth}
      onWidth={(width) => useUi.getState().set({ detailsWidth: width })}
      open={open}
      onOpen={setOpen}
      testId={testIds.keyDetails}
    />
  );
}

function Head() {
  const { open } = useUi.getState();
  return (
    <header className={panes.toolbar}>
      <h1>Keys</h1>
      <Button size="small" onPress={() => open({ kind: 'import-key' })}>
        Import…
      </Button>
      <Button
        size="small"
        look="primary"
        data-testid={testIds.newKey}
        onPress={() => open({ kind: 'new-key' })}
      >
        <Plus size={14} aria-hidden="true" />
        New key
      </Button>
    </header>
  );
}

/** Deleted keys, which can come back. */
function Trash() {
  const trash = useKeys((state) => state.list?.trash) ?? [];
  const restore = async (id: string, name: string) => {
    await call('keys.restore', { id });
    tell(`${name} is back`);
  };
  return (
    <div className={css.trash}>
      <span>
        {trash.length === 1 ? '1 deleted key' : `${trash.length} deleted keys`} can be brought back.
      </span>
      <MenuButton
        label="Deleted keys"
        button={
          <Button size="small" aria-label="Deleted keys">
            <Ellipsis size={14} aria-hidden="true" />
          </Button>
        }
        entries={[
          ...trash.map((one) => ({
            id: one.id,
            label: `Bring back ${one.name}`,
            run: () => void restore(one.id, one.name).catch(tellError),
          })),
          {
            id: 'empty',
            label: 'Erase them for good…',
            dangerous: true,
            apart: true,
            run: () => useUi.getState().open({ kind: 'empty-key-trash' }),
          },
        ]}
      />
    </div>
  );
}
