import { Ellipsis, Plus, Server as ServerIcon } from 'lucide-react';
import { useState } from 'react';
import type { Server } from '../../../shared/model/server.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { saveText } from '../../bridge/files.ts';
import { choose, useChosen } from '../../stores/chosen.ts';
import { cancelOperation, useSubjectOperation } from '../../stores/operations.ts';
import { askServer, removeServer, serverAddress, useServers } from '../../stores/servers.ts';
import { openSshConsoles } from '../../stores/terminals.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { ListTable } from '../../ui/ListTable.tsx';
import { MenuButton } from '../../ui/Menu.tsx';
import { OperationLine } from '../../ui/OperationLine.tsx';
import panes from '../../ui/panes.module.css';
import { Dot, Empty, Tag } from '../../ui/parts.tsx';
import { TwoPanes } from '../../ui/TwoPanes.tsx';
import { serverRowTestId, testIds } from '../../ui/testids.ts';
import { ServerDetails } from './ServerDetails.tsx';

export function reachedWords({ reachable }: Server): { tone: 'running' | 'failed' | 'off'; word: string } {
  if (reachable === null) return { tone: 'off', word: 'Not tried' };
  return reachable ? { tone: 'running', word: 'Reached' } : { tone: 'failed', word: 'Not reached' };
}

/** Machines Guesthouse reaches by SSH but does not run. */
export function ServersPage() {
  const servers = useServers((state) => state.all);
  const detailsWidth = useUi((state) => state.detailsWidth);
  const chosen = useChosen((state) => state.servers);
  const [open, setOpen] = useState(false);
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const shown = [...servers].sort((a, b) => order.compare(a.name, b.name));
  const server = shown.find((one) => one.id === chosen);
  const operation = useSubjectOperation(chosen ?? '');
  const { open: show } = useUi.getState();

  const body = (
    <div className={panes.listPane} data-testid={testIds.serversPage}>
      <Head />
      {shown.length === 0 ? (
        <Empty
          title="No servers"
          icon={<ServerIcon size={24} aria-hidden="true" />}
          action={
            <span className={panes.buttons}>
              <Button look="primary" size="large" onPress={() => show({ kind: 'get-access' })}>
                Get access to a cloud server…
              </Button>
              <Button size="large" onPress={() => show({ kind: 'import-servers' })}>
                Import from ~/.ssh/config…
              </Button>
            </span>
          }
        >
          A server is a machine you reach by SSH that Guesthouse does not run: a cloud instance, a computer in
          the next room. You get its consoles beside those of your guests.
        </Empty>
      ) : (
        <ListTable<Server>
          label="Servers"
          items={shown}
          selected={server?.id ?? null}
          onSelect={(id) => choose('servers', id)}
          onShow={() => setOpen(true)}
          onOpen={(one) => void openSshConsoles([one.id]).catch(tellError)}
          rowTestId={serverRowTestId}
          columns={[
            { id: 'name', title: 'Name', cell: (one) => one.name },
            { id: 'state', title: 'State', width: '110px', cell: (one) => <Dot {...reachedWords(one)} /> },
            {
              id: 'address',
              title: 'Address',
              width: '34%',
              cell: (one) => (
                <span className="mono" title={serverAddress(one)}>
                  {serverAddress(one)}
                </span>
              ),
            },
            {
              id: 'os',
              title: 'System',
              cell: (one) => <span title={one.info?.os}>{one.info?.os ?? '–'}</span>,
            },
            {
              id: 'tags',
              title: 'Tags',
              width: '90px',
              cell: (one) => one.tags.map((tag) => <Tag key={tag}>{tag}</Tag>),
            },
          ]}
        />
      )}
    </div>
  );
  if (shown.length === 0) return body;
  return (
    <TwoPanes
      page="Servers"
      list={body}
      title={server?.name ?? null}
      mark={server && <Dot {...reachedWords(server)} />}
      label={server ? `Details of ${server.name}` : 'Details'}
      details={
        server ? (
          <>
            <OperationLine operation={operation} onCancel={cancelOperation} />
            <div className={panes.actions}>
              <Button
                look="primary"
                data-testid={testIds.openConsole}
                onPress={() => void openSshConsoles([server.id]).catch(tellError)}
              >
                Console
              </Button>
              <Button
                isDisabled={operation !== undefined}
                onPress={() => void askServer('servers.refresh', server.id)}
              >
                Look at it
              </Button>
              <MenuButton
                label={`More actions for ${server.name}`}
                button={
                  <Button aria-label="More actions">
                    <Ellipsis size={16} aria-hidden="true" />
                  </Button>
                }
                entries={[
                  { id: 'test', label: 'Test the connection', run: () => void test(server) },
                  {
                    id: 'copy-key',
                    label: 'Copy a key to it…',
                    run: () => show({ kind: 'copy-key', key: server.keyId, targets: [server.id] }),
                  },
                  {
                    id: 'command',
                    label: 'Copy SSH command',
                    run: () => void copyCommand(server).catch(tellError),
                  },
                  {
                    id: 'edit',
                    label: 'Edit…',
                    apart: true,
                    run: () => show({ kind: 'server', id: server.id }),
                  },
                  {
                    id: 'forget',
                    label: 'Forget its host key…',
                    run: () => show({ kind: 'forget-host-key', id: server.id }),
                  },
                  {
                    id: 'remove',
                    label: 'Remove from the list',
                    dangerous: true,
                    apart: true,
                    run: () => void removeServer(server),
                  },
                ]}
              />
            </div>
            <ServerDetails key={server.id} server={server} />
          </>
        ) : (
          <Empty title="No server selected">Choose one in the list. Enter opens its console.</Empty>
        )
      }
      width={detailsWidth}
      onWidth={(width) => useUi.getState().set({ detailsWidth: width })}
      open={open}
      onOpen={setOpen}
      testId={testIds.serverDetails}
    />
  );
}

async function test(server: Server) {
  if (await askServer('servers.test', server.id)) tell(`${server.name} lets you in`);
}

async function copyCommand(server: Server) {
  await writeClipboard((await call('ssh.command', { target: server.id })).line);
  tell('The command is on the clipboard');
}

function Head() {
  const { open } = useUi.getState();
  const inventory = async (save: boolean) => {
    const text = await call('ansible.export');
    if (!save) {
      await writeClipboard(text);
      return tell('The inventory is on the clipboard');
    }
    const saved = await saveText('inventory.yaml', text);
    if (saved) tell(`Saved as ${saved.path}`);
  };
  return (
    <header className={panes.toolbar}>
      <h1>Servers</h1>
      <MenuButton
        label="Export"
        button={<Button size="small">Export</Button>}
        entries={[
          { id: 'config', label: 'OpenSSH configuration…', run: () => open({ kind: 'ssh-config' }) },
          {
            id: 'ansible-copy',
            label: 'Copy Ansible inventory',
            apart: true,
            run: () => void inventory(false).catch(tellError),
          },
          {
            id: 'ansible-save',
            label: 'Save Ansible inventory…',
            run: () => void inventory(true).catch(tellError),
          },
        ]}
      />
      <MenuButton
        label="Add a server"
        button={
          <Button size="small" look="primary">
            <Plus size={14} aria-hidden="true" />
            Add
          </Button>
        }
        entries={[
          {
            id: 'add',
            label: 'Add a server…',
            testId: 'add-server',
            run: () => open({ kind: 'server', id: null }),
          },
          { id: 'access', label: 'Get access to a cloud server…', run: () => open({ kind: 'get-access' }) },
          { id: 'import', label: 'Import from ~/.ssh/config…', run: () => open({ kind: 'import-servers' }) },
        ]}
      />
    </header>
  );
}
