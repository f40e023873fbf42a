import { SquareTerminal } from 'lucide-react';
import { useConsoles } from '../../stores/consoles.ts';
import { closeConsole } from '../../stores/dock.ts';
import { useGuests } from '../../stores/guests.ts';
import { serverAddress, useServers } from '../../stores/servers.ts';
import { openConsoles, openSshConsoles } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './consoles.module.css';

const kinds = {
  serial: 'Serial console',
  ssh: 'SSH',
  exec: 'Shell in a container',
  screen: 'Screen',
} as const;
const statuses = { waiting: 'waiting', open: 'open', ended: 'ended' } as const;

/** Every open console, and the running guests that have none. */
export function ConsolesPage() {
  const terminals = useConsoles((state) => state.all);
  const guests = useGuests((state) => state.all);
  const without = guests.filter(
    (guest) => guest.pid !== null && !terminals.some((terminal) => terminal.subject === guest.id),
  );
  const servers = useServers((state) => state.all).filter(
    (server) => !terminals.some((terminal) => terminal.subject === server.id),
  );
  if (terminals.length === 0 && without.length === 0 && servers.length === 0)
    return (
      <div className={css.page} data-testid={testIds.consolesPage}>
        <Empty
          title="No consoles"
          icon={<SquareTerminal size={24} aria-hidden="true" />}
          action={
            guests.length > 0 ? (
              <Button look="primary" size="large" onPress={() => useUi.getState().go('guests')}>
                Show the guests
              </Button>
            ) : (
              <Button
                look="primary"
                size="large"
                onPress={() => useUi.getState().open({ kind: 'new-guest' })}
              >
                New guest…
              </Button>
            )
          }
        >
          A console is a terminal of a guest or server inside this window. Start a guest, then press Enter on
          it to open one.
        </Empty>
      </div>
    );
  return (
    <div className={css.page} data-testid={testIds.consolesPage} data-pane="list" tabIndex={-1}>
      <header className={css.pageHead}>
        <h1>Consoles</h1>
      </header>
      <ul className={css.list}>
        {terminals.map((terminal) => (
          <li key={terminal.id} className={css.item}>
            <div>
              <div>{terminal.title}</div>
              <small>
                {kinds[terminal.kind]}, {statuses[terminal.status]}
                {terminal.reason && `: ${terminal.reason}`}
              </small>
            </div>
            <Button size="small" onPress={() => useUi.getState().showTerminal(terminal.id)}>
              Show
            </Button>
            <Button size="small" onPress={() => closeConsole(terminal.id)}>
              Close
            </Button>
          </li>
        ))}
        {without.map((guest) => (
          <li key={guest.id} className={css.item}>
            <div>
              <div>{guest.name}</div>
              <small>Running, no console open</small>
            </div>
            <Button size="small" onPress={() => void openConsoles([guest.id]).catch(tellError)}>
              Open console
            </Button>
          </li>
        ))}
        {servers.map((server) => (
          <li key={server.id} className={css.item}>
            <div>
              <div>{server.name}</div>
              <small>Server {serverAddress(server)}, no console open</small>
            </div>
            <Button size="small" onPress={() => void openSshConsoles([server.id]).catch(tellError)}>
              Open console
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
