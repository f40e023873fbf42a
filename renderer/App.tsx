import { Settings as Gear, Plus, Search } from 'lucide-react';
import { Suspense, useEffect } from 'react';
import css from './App.module.css';
import { writeClipboard } from './bridge/clipboard.ts';
import { OperationsButton } from './features/operations/OperationsButton.tsx';
import { onWindowKey } from './keys.ts';
import { type Section, sections } from './sections.tsx';
import { useCommands } from './stores/commands.ts';
import { useConnection } from './stores/connection.ts';
import { useConsoles } from './stores/consoles.ts';
import { takeDrops } from './stores/drops.ts';
import { fixPermissions } from './stores/keys.ts';
import { usePrompts } from './stores/prompts.ts';
import { useSettings } from './stores/settings.ts';
import { useToasts } from './stores/toasts.ts';
import { useUi } from './stores/ui.ts';
import { Button } from './ui/Button.tsx';
import { cx } from './ui/cx.ts';
import { ErrorNote } from './ui/ErrorNote.tsx';
import { Guarded } from './ui/Guarded.tsx';
import { Logo } from './ui/Logo.tsx';
import { later, loadTheRest } from './ui/later.ts';
import { Kbd } from './ui/parts.tsx';
import { Toasts } from './ui/Toasts.tsx';
import { navTestId, testIds } from './ui/testids.ts';
import { applyTheme } from './ui/theme.ts';

const OpenDialog = later(async () => (await import('./dialogs.tsx')).OpenDialog);
const PromptDialog = later(async () => (await import('./features/prompts/PromptDialog.tsx')).PromptDialog);
const Dock = later(async () => (await import('./features/consoles/Dock.tsx')).Dock);

export function App({ retry }: { retry: () => void }) {
  const theme = useSettings((state) => state.settings.theme);
  const loaded = useConnection((state) => state.loaded);
  useEffect(() => applyTheme(theme), [theme]);
  useEffect(() => {
    window.addEventListener('keydown', onWindowKey);
    return () => window.removeEventListener('keydown', onWindowKey);
  }, []);
  useEffect(registerCommands, []);
  useEffect(takeDrops, []);
  return loaded ? <Main retry={retry} /> : <Start retry={retry} />;
}

function registerCommands() {
  const { open, go, set } = useUi.getState();
  useCommands.getState().register([
    {
      id: 'new',
      label: 'New guest…',
      keywords: 'create debian',
      keys: 'Ctrl+N',
      run: () => open({ kind: 'new-guest' }),
    },
    {
      id: 'new-iso',
      label: 'New guest from an installation ISO…',
      keywords: 'create install cd dvd medium',
      run: () => open({ kind: 'new-guest', source: 'iso' }),
    },
    {
      id: 'new-import',
      label: 'Import a disk image, an OVA or libvirt XML…',
      keywords: 'create qcow2 vmdk vdi vhdx ovf virsh',
      run: () => open({ kind: 'new-guest', source: 'image' }),
    },
    {
      id: 'clone',
      label: 'Clone…',
      keywords: 'copy stamp guests from a template',
      run: () => open({ kind: 'clone', sources: [] }),
    },
    {
      id: 'template',
      label: 'Make a template…',
      keywords: 'seal golden image',
      run: () => open({ kind: 'seal', id: null }),
    },
    {
      id: 'new-template',
      label: 'New template from Debian or an image…',
      keywords: 'make create qcow2',
      run: () => open({ kind: 'new-template' }),
    },
    ...sections.map((section) => ({
      id: `section-${section.id}`,
      label: `Go to ${section.title}`,
      run: () => go(section.id),
    })),
    {
      id: 'new-key',
      label: 'New SSH key…',
      keywords: 'create ed25519',
      run: () => open({ kind: 'new-key' }),
    },
    {
      id: 'copy-key',
      label: 'Copy a key to hosts…',
      keywords: 'ssh-copy-id authorized_keys',
      run: () => open({ kind: 'copy-key', key: null, targets: [] }),
    },
    {
      id: 'add-server',
      label: 'Add a server…',
      keywords: 'ssh host',
      run: () => open({ kind: 'server', id: null }),
    },
    {
      id: 'get-access',
      label: 'Get access to a cloud server…',
      keywords: 'ssh key wizard',
      run: () => open({ kind: 'get-access' }),
    },
    {
      id: 'import-servers',
      label: 'Import servers from ~/.ssh/config…',
      run: () => open({ kind: 'import-servers' }),
    },
    {
      id: 'ssh-config',
      label: 'Export an OpenSSH configuration…',
      keywords: 'include',
      run: () => open({ kind: 'ssh-config' }),
    },
    {
      id: 'fix-permissions',
      label: 'Repair permissions of SSH keys',
      run: () => void fixPermissions(),
    },
    {
      id: 'dock',
      label: 'Show or collapse the consoles',
      keywords: 'dock terminal',
      keys: 'Ctrl+J',
      run: () => set({ dockOpen: !useUi.getState().dockOpen }),
    },
    {
      id: 'settings',
      label: 'Settings…',
      keywords: 'theme font dark light preferences',
      keys: 'Ctrl+,',
      run: () => open({ kind: 'settings' }),
    },
    {
      id: 'keyboard',
      label: 'What the keyboard does…',
      keywords: 'shortcuts keys help',
      keys: 'F1',
      run: () => open({ kind: 'keyboard' }),
    },
  ]);
}

/** Before the first snapshot: nothing for the blink it mostly takes, words when it fails. */
function Start({ retry }: { retry: () => void }) {
  const connection = useConnection((state) => state.connection);
  return (
    <main className={css.start}>
      <h1 className="sr-only">Guesthouse</h1>
      {connection.status === 'failed' && (
        <div>
          <ErrorNote error={connection.error} write={writeClipboard} />
          <p style={{ marginTop: 12 }}>
            <Button look="primary" onPress={retry}>
              Try again
            </Button>
          </p>
        </div>
      )}
    </main>
  );
}

function Main({ retry }: { retry: () => void }) {
  const current = useUi((state) => state.section);
  const Page = (sections.find((section) => section.id === current) ?? sections[0])?.component;
  const { toasts, close } = useToasts();
  const connection = useConnection((state) => state.connection);
  const dock = useConsoles((state) => state.all.length > 0);
  const asked = usePrompts((state) => state.all.length > 0);
  const { dockOpen, dockHeight, dialog, open } = useUi();
  // After the first list is on the screen.
  useEffect(() => void setTimeout(loadTheRest, 300), []);
  return (
    <div className={css.app} data-testid={testIds.app}>
      <header className={css.top}>
        <span className={css.brand}>
          <Logo size={18} />
          Guesthouse
        </span>
        <button
          type="button"
          className={css.command}
          aria-label="Search or run a command"
          aria-keyshortcuts="Control+K"
          data-testid={testIds.commandField}
          onClick={() => open({ kind: 'palette' })}
        >
          <Search size={14} aria-hidden="true" />
          <span>Search or run a command</span>
          <Kbd>Ctrl+K</Kbd>
        </button>
        <div className={css.tools}>
          <OperationsButton />
          <Button look="primary" data-testid={testIds.newGuest} onPress={() => open({ kind: 'new-guest' })}>
            <Plus size={16} aria-hidden="true" />
            New
          </Button>
        </div>
      </header>
      <div className={css.middle}>
        <nav className={css.side} aria-label="Sections" data-pane="nav">
          <ul>
            {sections.map((section) => (
              <NavItem key={section.id} section={section} current={section.id === current} />
            ))}
          </ul>
          <button type="button" className={css.nav} onClick={() => open({ kind: 'settings' })}>
            <Gear size={16} aria-hidden="true" />
            <span>Settings</span>
          </button>
        </nav>
        <main className={css.content}>
          {connection.status === 'failed' && (
            <div className={css.away}>
              <ErrorNote error={connection.error} write={writeClipboard} />
              <Button size="small" onPress={retry}>
                Try again
              </Button>
            </div>
          )}
          <Guarded part="page" about={current} write={writeClipboard}>
            <Suspense fallback={null}>{Page && <Page />}</Suspense>
          </Guarded>
        </main>
      </div>
      <Guarded part="consoles" about={dock} write={writeClipboard}>
        <Suspense fallback={null}>{dock && <Dock />}</Suspense>
      </Guarded>
      <Toasts
        toasts={toasts}
        bottom={
          dialog ? null : dock ? (dockOpen ? Math.min(dockHeight, window.innerHeight - 200) : 32) + 16 : 16
        }
        onClose={close}
        onShow={(error) => open({ kind: 'error', error })}
      />
      <Guarded
        part="dialog"
        about={dialog}
        write={writeClipboard}
        onError={(error) => open({ kind: 'error', error })}
      >
        <Suspense fallback={null}>
          {dialog && <OpenDialog />}
          {asked && <PromptDialog />}
        </Suspense>
      </Guarded>
    </div>
  );
}

function NavItem({ section, current }: { section: Section; current: boolean }) {
  const count = section.useCount();
  const Icon = section.icon;
  return (
    <li>
      <button
        type="button"
        className={css.nav}
        aria-current={current ? 'page' : undefined}
        data-testid={navTestId(section.id)}
        onClick={() => useUi.getState().go(section.id)}
      >
        <Icon size={16} aria-hidden={true} />
        <span>{section.title}</span>
        {count && <span className={cx(css.badge, count.bad && css.bad)}>{count.text}</span>}
      </button>
    </li>
  );
}
