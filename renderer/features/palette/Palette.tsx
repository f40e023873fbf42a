import { Command } from 'cmdk';
import { useMemo, useState } from 'react';
import { Dialog, Modal, ModalOverlay } from 'react-aria-components';
import { guestStateWords } from '../../../shared/model/guest.ts';
import { type PaletteCommand, useCommands } from '../../stores/commands.ts';
import { actionsFor, guestActionLabels } from '../../stores/guest-actions.ts';
import { runGuestAction } from '../../stores/guest-run.ts';
import { useGuests } from '../../stores/guests.ts';
import { serverAddress, useServers } from '../../stores/servers.ts';
import { openSshConsoles } from '../../stores/terminals.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import overlays from '../../ui/overlays.module.css';
import { Kbd } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './palette.module.css';

/** Guests offered with their actions when nothing is typed; with a library of 300, all of them only slow one down. */
const mostShown = 60;

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Ctrl+K: every guest, every action, every place. */
export function Palette() {
  const [text, setText] = useState('');
  const commands = useCommands((state) => state.commands);
  const all = useGuests((state) => state.all);
  const servers = useServers((state) => state.all);
  const selection = useUi((state) => state.selection);
  const close = () => useUi.getState().close();

  const groups = useMemo(() => {
    const guests = [...all].sort((a, b) => order.compare(a.name, b.name));
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (label: string) => words.every((word) => label.toLowerCase().includes(word));
    const forSelected: PaletteCommand[] = guests
      .filter((guest) => selection.has(guest.id))
      .slice(0, 3)
      .flatMap((guest) => {
        const { primary, more } = actionsFor(guest.state);
        return [...primary, ...more].map((action) => ({
          id: `${action} ${guest.id}`,
          label: `${guestActionLabels[action].replace('…', '')}: ${guest.name}`,
          run: () => runGuestAction(action, [guest]),
        }));
      });
    const toGuests: PaletteCommand[] = guests.map((guest) => ({
      id: `go ${guest.id}`,
      label: guest.name,
      note: guestStateWords[guest.state].word,
      run: () => {
        useUi.getState().go('guests');
        useUi.getState().set({ filter: '', stateFilter: new Set(), tagFilter: new Set(), detailsOpen: true });
        useUi.getState().select([guest.id], guest.id);
      },
    }));
    const toServers: PaletteCommand[] = servers.map((server) => ({
      id: `ssh ${server.id}`,
      label: server.name,
      keywords: 'ssh console server',
      note: `SSH to ${serverAddress(server)}`,
      run: () => void openSshConsoles([server.id]).catch(tellError),
    }));
    // Once something is typed, actions on any guest: "stop web-02" needs no selection first.
    const onOthers: PaletteCommand[] =
      words.length < 2
        ? []
        : guests
            .filter((guest) => !selection.has(guest.id))
            .flatMap((guest) => {
              const { primary, more } = actionsFor(guest.state);
              return [...primary, ...more].map((action) => ({
                id: `${action} ${guest.id}`,
                label: `${guestActionLabels[action].replace('…', '')}: ${guest.name}`,
                run: () => runGuestAction(action, [guest]),
              }));
            });
    return [
      { title: 'Selected', items: forSelected },
      { title: 'Commands', items: commands },
      { title: 'Guests', items: toGuests },
      { title: 'Servers', items: toServers },
      { title: 'Actions', items: onOthers },
    ]
      .map((group) => ({
        ...group,
        items: group.items.filter((item) => fits(`${item.label} ${item.keywords ?? ''}`)).slice(0, mostShown),
      }))
      .filter((group) => group.items.length > 0);
  }, [text, commands, all, servers, selection]);

  return (
    <ModalOverlay className={overlays.veil} isOpen isDismissable onOpenChange={(open) => !open && close()}>
      <Modal className={overlays.modal} style={{ maxWidth: 560 }}>
        <Dialog
          className={overlays.dialog}
          aria-label="Search or run a command"
          data-testid={testIds.palette}
        >
          <Command className={css.palette} shouldFilter={false} label="Search or run a command" loop>
            <Command.Input
              autoFocus
              placeholder="Search guests, or type a command"
              value={text}
              onValueChange={setText}
            />
            <Command.List label="Results">
              <Command.Empty>Nothing is called that.</Command.Empty>
              {groups.map((group) => (
                <Command.Group key={group.title} heading={group.title}>
                  {group.items.map((item) => (
                    <Command.Item
                      key={item.id}
                      value={item.id}
                      onSelect={() => {
                        close();
                        item.run();
                      }}
                    >
                      <span>{item.label}</span>
                      {item.note && <span className="muted">{item.note}</span>}
                      {item.keys && <Kbd>{item.keys}</Kbd>}
                    </Command.Item>
                  ))}
                </Command.Group>
              ))}
            </Command.List>
          </Command>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
