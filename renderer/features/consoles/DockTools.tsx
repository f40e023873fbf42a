import { ChevronDown, ChevronUp, Columns2, Ellipsis, Keyboard, Plus } from 'lucide-react';
import { useRef } from 'react';
import { saveText } from '../../bridge/files.ts';
import { type Console, openScreens, useConsoles } from '../../stores/consoles.ts';
import { setGroup, splitConsole, useDock } from '../../stores/dock.ts';
import { type DockTab, terminalsOf } from '../../stores/dock-layout.ts';
import { hostNameOf, useHosts } from '../../stores/servers.ts';
import { zoomConsoles } from '../../stores/settings.ts';
import { openConsoles, openSshConsoles, useTerminals } from '../../stores/terminals.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { FilterMenu, MenuButton, type MenuEntry } from '../../ui/Menu.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './consoles.module.css';
import { focusScreen, focusSearch, searchScreen, textOf } from './screens.ts';

/** Another SSH console to the same host, beside or below. */
export function splitSame(terminal: Console, split: 'row' | 'column'): void {
  if (terminal.subject !== null && canRepeat(terminal))
    void splitConsole(terminal.id, split, { target: terminal.subject });
}

/** A console to the same host can be opened again, by SSH. */
const canRepeat = ({ kind }: Console) => kind !== 'exec' && kind !== 'screen';

/** "web", "web (ssh)", "web (screen)": as the tabs tell them apart. */
const nameWithKind = ({ title, kind }: Console) =>
  kind === 'ssh' || kind === 'screen' ? `${title} (${kind})` : title;

/** What one more console to the same machine is. */
const again = ({ subject, kind }: Console) =>
  kind === 'ssh' ? `${hostNameOf(subject!)} again` : `SSH to ${hostNameOf(subject!)}`;

/** All consoles of the tab, or when it has one alone, all that are open. */
export function toggleTypeToAll(tab: DockTab): void {
  const { group } = useDock.getState();
  if (group.size > 0) {
    setGroup([]);
    return;
  }
  const { all } = useTerminals.getState();
  const here = terminalsOf(tab.root).filter((id) => all.some((terminal) => terminal.id === id));
  const open = all.filter((terminal) => terminal.status !== 'ended');
  setGroup(here.length > 1 ? here : open.map((terminal) => terminal.id));
}

export async function saveScrollback(terminal: Console): Promise<void> {
  const text = textOf(terminal.id);
  if (text === null) return;
  const saved = await saveText(`${terminal.title.replace(/[^\p{L}\p{N}._-]+/gu, '-')}.txt`, text);
  if (saved) tell(`Saved as ${saved.path}`);
}

export function DockTools({ tab, active }: { tab: DockTab; active: Console }) {
  // A menu that closes gives the keyboard back to its button, whence it goes on to the search.
  const searching = useRef(false);
  const consoles = useConsoles((state) => state.all);
  const terminals = consoles.filter((one) => one.kind !== 'screen');
  const group = useDock((state) => state.group);
  const { dockOpen, set } = useUi();
  const hosts = useHosts();
  const others = consoles.filter((terminal) => !terminalsOf(tab.root).includes(terminal.id));
  const opens: MenuEntry[] = hosts.map((host) => ({
    id: host.id,
    label: `${host.name} (${host.note})`,
    run: () => void openSshConsoles([host.id]).catch(tellError),
  }));
  const serials: MenuEntry[] = hosts
    .filter((host) => host.kind === 'guest')
    .map((host, index) => ({
      id: `serial ${host.id}`,
      label: `Serial console of ${host.name}`,
      apart: index === 0,
      run: () => void openConsoles([host.id]).catch(tellError),
    }));
  const screens: MenuEntry[] = hosts
    .filter((host) => host.kind === 'guest')
    .map((host, index) => ({
      id: `screen ${host.id}`,
      label: `Screen of ${host.name}`,
      apart: index === 0,
      run: () => openScreens([host.id]),
    }));
  const splits: MenuEntry[] = [
    ...(active.subject === null || !canRepeat(active)
      ? []
      : ([
          {
            id: 'right',
            label: `Right: ${again(active)}`,
            keys: 'Ctrl+Shift+E',
            run: () => splitSame(active, 'row'),
          },
          {
            id: 'below',
            label: `Below: ${again(active)}`,
            keys: 'Ctrl+Shift+O',
            run: () => splitSame(active, 'column'),
          },
        ] satisfies MenuEntry[])),
    ...others.map((terminal, index) => ({
      id: `tab ${terminal.id}`,
      label: `Right: ${nameWithKind(terminal)}, which is open`,
      apart: index === 0,
      run: () => void splitConsole(active.id, 'row', { terminal: terminal.id }),
    })),
    ...hosts
      .filter((host) => host.id !== active.subject && host.ready)
      .map((host, index) => ({
        id: `host ${host.id}`,
        label: `Right: new console to ${host.name}`,
        apart: index === 0,
        run: () => void splitConsole(active.id, 'row', { target: host.id }),
      })),
  ];
  return (
    <div className={css.tools}>
      <MenuButton
        label="Open a console"
        button={
          <Button size="small" look="quiet" aria-label="Open a console" data-testid="dock-add">
            <Plus size={16} aria-hidden="true" />
          </Button>
        }
        entries={[...opens, ...serials, ...screens]}
      />
      <MenuButton
        label="Split"
        button={
          <Button size="small" look="quiet" isDisabled={splits.length === 0} data-testid="dock-split">
            <Columns2 size={14} aria-hidden="true" />
            Split
          </Button>
        }
        entries={splits}
      />
      {group.size > 0 && (
        <FilterMenu
          label="Members"
          chosen={group}
          onChange={(chosen) => setGroup([...chosen])}
          options={terminals.map((terminal) => ({
            id: terminal.id,
            text: terminal.title,
            label: nameWithKind(terminal),
          }))}
        />
      )}
      <Button
        size="small"
        look={group.size > 0 ? 'danger' : 'quiet'}
        isDisabled={terminals.length < 2 || active.kind === 'screen'}
        data-testid={testIds.typeToAll}
        onPress={() => {
          toggleTypeToAll(tab);
          // What one wants now is to type.
          focusScreen(active.id);
        }}
      >
        <Keyboard size={14} aria-hidden="true" />
        {group.size > 0 ? `Stop typing to ${group.size}` : 'Type to all'}
      </Button>
      <MenuButton
        label="More"
        button={
          <Button
            size="small"
            look="quiet"
            aria-label="More for this console"
            onFocus={() => {
              if (searching.current) focusSearch(active.id);
              searching.current = false;
            }}
          >
            <Ellipsis size={16} aria-hidden="true" />
          </Button>
        }
        entries={[
          {
            id: 'search',
            label: 'Search in it…',
            keys: 'Ctrl+Shift+F',
            disabled: active.kind === 'screen',
            run: () => {
              searchScreen(active.id);
              searching.current = true;
            },
          },
          {
            id: 'save',
            label: 'Save its text…',
            keys: 'Ctrl+Shift+S',
            disabled: active.kind === 'screen',
            run: () => void saveScrollback(active).catch(tellError),
          },
          { id: 'larger', label: 'Larger text', keys: 'Ctrl++', apart: true, run: () => zoomConsoles(1) },
          { id: 'smaller', label: 'Smaller text', keys: 'Ctrl+-', run: () => zoomConsoles(-1) },
          { id: 'usual', label: 'Usual size', keys: 'Ctrl+0', run: () => zoomConsoles(0) },
        ]}
      />
      <IconButton
        size="small"
        icon={dockOpen ? <ChevronDown size={16} /> : <ChevronUp size={16} />}
        label={dockOpen ? 'Collapse the consoles (Ctrl+J)' : 'Show the consoles (Ctrl+J)'}
        onPress={() => set({ dockOpen: !dockOpen })}
      />
    </div>
  );
}
