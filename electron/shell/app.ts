import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { app, type BrowserWindow, dialog, nativeTheme, session } from 'electron';
import { toWire } from '../../shared/errors.ts';
import type { Operation } from '../../shared/model/operation.ts';
import { endsAtLogout } from '../core/early.ts';
import type { LibraryPaths, Log, SharedCore } from '../core/index.ts';
import { shellHandlers } from './actions.ts';
import { guardContents, guardSession } from './guard.ts';
import { forwardEvents, installIpc } from './ipc.ts';
import { installMenu } from './menu.ts';
import { readAhead, registerScheme, serveScheme } from './scheme.ts';
import { openScreenWindow, openWindow } from './window.ts';

export interface ShellOptions {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly files: { readonly preload: string; readonly page: string };
  readonly icon: string;
  readonly acquire: () => Promise<SharedCore>;
}

/** What becomes of guests without the window, for its last question. */
async function guestsGoOn(): Promise<string> {
  return (await endsAtLogout().catch(() => false))
    ? 'Guests keep running in any case, until you log out: then they end, as by a power cut. The command “loginctl enable-linger” lets them run on.'
    : 'Guests keep running in any case.';
}

/** Everything of the window's process, from start to end. Returns at once; the app lives on events. */
export function runShell(options: ShellOptions): void {
  const { paths, log } = options;
  // Chromium's own files, one folder a library: its lock in there makes the one window.
  const library = createHash('sha256').update(`${paths.data}\0${paths.runtime}`).digest('hex').slice(0, 8);
  app.setPath('userData', path.join(paths.cache, `window-${library}`));
  registerScheme();
  guardContents();
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }

  process.on('uncaughtException', (error) => log.error('uncaught', error));
  process.on('unhandledRejection', (error) => log.error('unhandled', error));
  void new Shell(options).start().catch((error: unknown) => {
    log.error('the app did not start', error);
    app.exit(1);
  });
}

class Shell {
  private window: BrowserWindow | null = null;
  /** Windows with one guest's screen, by its id. They close with the main one. */
  private readonly screens = new Map<string, BrowserWindow>();
  private core: SharedCore | null = null;
  /** True once it is settled what becomes of running operations. */
  private mayClose = false;
  private ending = false;

  constructor(private readonly options: ShellOptions) {}

  async start(): Promise<void> {
    // The library is opened once the window is on its way: its page is loaded by other processes meanwhile.
    let open = () => {};
    const opening = new Promise<void>((resolve) => {
      open = resolve;
    }).then(() => this.options.acquire());
    opening.catch(() => {}); // reported below
    installIpc(
      opening,
      shellHandlers(this.options.paths, (id, title) => this.showScreen(id, title)),
    );
    app.on('second-instance', () => this.show());
    app.on('activate', () => this.show());
    app.on('window-all-closed', () => void this.end());
    app.on('before-quit', (event) => {
      if (this.ending) return;
      event.preventDefault();
      if (this.window) this.window.close();
      else void this.end();
    });
    const page = readAhead(this.options.files.page);
    await app.whenReady();
    guardSession(session.defaultSession);
    serveScheme(session.defaultSession, this.options.files.page, page);
    installMenu({ newWindow: () => this.show() });
    this.show();
    setImmediate(open);
    try {
      this.core = await opening;
      await this.followTheme(this.core);
      if (this.window) forwardEvents(this.core, this.window.webContents);
      this.core
        .call('guests.startWithApp', undefined)
        .catch((error) => this.options.log.error('what starts with the app was not started', error));
    } catch (error) {
      const wire = toWire(error);
      this.options.log.error('the library could not be opened', error);
      this.mayClose = true;
      dialog.showErrorBox(wire.message, [wire.why, wire.todo].filter(Boolean).join('\n'));
      app.exit(1);
    }
  }

  /** Brings the window to the front, or opens it again while operations go on without one. */
  private show(): void {
    if (this.ending || !app.isReady()) return;
    if (this.window) {
      if (this.window.isMinimized()) this.window.restore();
      this.window.show();
      this.window.focus();
      return;
    }
    const window = openWindow(this.windowOptions());
    this.window = window;
    this.mayClose = false;
    if (this.core) forwardEvents(this.core, window.webContents);
    window.on('close', (event) => {
      if (this.mayClose || !this.core) return;
      event.preventDefault();
      void this.askToClose(window);
    });
    window.on('closed', () => {
      this.window = null;
      for (const screen of this.screens.values()) screen.destroy();
    });
  }

  private showScreen(id: string, title: string): void {
    const open = this.screens.get(id);
    if (open) {
      if (open.isMinimized()) open.restore();
      open.focus();
      return;
    }
    if (!this.core || this.ending) return;
    const window = openScreenWindow(this.windowOptions(), id, title);
    this.screens.set(id, window);
    forwardEvents(this.core, window.webContents);
    window.on('closed', () => void this.screens.delete(id));
  }

  private windowOptions() {
    const { files, paths, log, icon } = this.options;
    return { preload: files.preload, icon: existsSync(icon) ? icon : null, configDir: paths.config, log };
  }

  /** Guests go on by themselves; operations do not: ask what is to become of them. */
  private async askToClose(window: BrowserWindow): Promise<void> {
    const running = await this.runningOperations();
    if (running.length > 0) {
      const choice = process.env.GUESTHOUSE_ON_CLOSE; // for tests: no dialog
      const titles = running.map((operation) => operation.title).join('\n');
      const response = choice
        ? ['finish', 'cancel'].indexOf(choice)
        : (
            await dialog.showMessageBox(window, {
              type: 'question',
              message:
                running.length === 1
                  ? 'One operation is running.'
                  : `${running.length} operations are running.`,
              detail: `${titles}\n\n${await guestsGoOn()}`,
              buttons: ['Finish in the background', 'Cancel and close', 'Keep the window open'],
              defaultId: 0,
              cancelId: 2,
              noLink: true,
            })
          ).response;
      if (response === 2) return;
      if (response === 1) await this.cancelAll(running);
    }
    this.mayClose = true;
    if (!window.isDestroyed()) window.close();
  }

  /** Those this process carries out; a client's go on in the owner. */
  private async runningOperations(): Promise<Operation[]> {
    if (this.core?.role !== 'owner') return [];
    try {
      const { operations } = await this.core.call('core.snapshot', undefined);
      return operations.filter((operation) => operation.endedAt === null);
    } catch {
      return [];
    }
  }

  private async cancelAll(operations: readonly Operation[]): Promise<void> {
    await Promise.allSettled(
      operations
        .filter((operation) => operation.cancellable)
        .map((operation) => this.core!.call('operations.cancel', { id: operation.id })),
    );
  }

  /** The last window is closed: waits for what goes on in the background, then lets go of the library. */
  private async end(): Promise<void> {
    if (this.ending) return;
    while ((await this.runningOperations()).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (this.window) return;
    }
    if (this.window || this.ending) return;
    this.ending = true;
    try {
      // What the page remembers for the next start is written after a while otherwise.
      session.defaultSession.flushStorageData();
      await this.core?.close();
    } catch (error) {
      this.options.log.error('closing', error);
    }
    app.exit(0);
  }

  private async followTheme(core: SharedCore): Promise<void> {
    const { settings } = await core.call('core.snapshot', undefined);
    nativeTheme.themeSource = settings.theme;
    core.onEvent(({ event }) => {
      if (event.type === 'settings') nativeTheme.themeSource = event.settings.theme;
    });
  }
}
