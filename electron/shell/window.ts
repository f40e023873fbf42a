import * as path from 'node:path';
import { BrowserWindow, dialog, nativeTheme, screen } from 'electron';
import type { Log } from '../core/index.ts';
import { startUrl } from './scheme.ts';
import { fitBounds, readBounds, saveBounds, type WindowBounds } from './window-state.ts';

export interface WindowOptions {
  /** Absolute path of the built preload. */
  readonly preload: string;
  readonly icon: string | null;
  readonly configDir: string;
  readonly log: Log;
}

/** More crashes of the page than this in a minute, and loading it again is left to the person. */
const maxCrashes = 3;

export function openWindow(options: WindowOptions): BrowserWindow {
  const { maximized, ...place } = fitBounds(
    readBounds(options.configDir),
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const window = new BrowserWindow({
    ...place,
    minWidth: 720,
    minHeight: 480,
    title: 'Guesthouse',
    show: false,
    autoHideMenuBar: true,
    // What shows before the first paint: the page's own ground, or it flashes.
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#1b1d1f' : '#ffffff',
    ...(options.icon ? { icon: options.icon } : {}),
    webPreferences: pagePreferences(options.preload),
  });
  if (maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  rememberPlace(window, options);
  reviveAfterCrash(window, options.log);
  void window.loadURL(startUrl).catch((error: unknown) => options.log.error('the page did not load', error));
  return window;
}

/**
 * A window with a guest's screen and nothing else: the same page, which shows that when its address asks for it. The
 * title is the guest's name, which is a person's and goes nowhere else.
 */
export function openScreenWindow(options: WindowOptions, id: string, title: string): BrowserWindow {
  const window = new BrowserWindow({
    width: 1040,
    height: 840,
    minWidth: 480,
    minHeight: 360,
    title,
    show: false,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#1b1d1f' : '#ffffff',
    ...(options.icon ? { icon: options.icon } : {}),
    webPreferences: pagePreferences(options.preload),
  });
  window.once('ready-to-show', () => window.show());
  void window
    .loadURL(`${startUrl}?screen=${encodeURIComponent(id)}`)
    .catch((error: unknown) => options.log.error('the screen’s page did not load', error));
  return window;
}

const pagePreferences = (preload: string): Electron.WebPreferences => ({
  preload,
  sandbox: true,
  contextIsolation: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webviewTag: false,
  navigateOnDragDrop: false,
  spellcheck: false,
  // A hidden page's timers come once a second, then once a minute: consoles would hold up the programs in them.
  backgroundThrottling: false,
  v8CacheOptions: 'bypassHeatCheck',
});

function rememberPlace(window: BrowserWindow, { configDir, log }: WindowOptions): void {
  let timer: NodeJS.Timeout | undefined;
  const save = () => {
    clearTimeout(timer);
    if (window.isDestroyed() || window.isMinimized() || window.isFullScreen()) return;
    const value: WindowBounds = { ...window.getNormalBounds(), maximized: window.isMaximized() };
    saveBounds(configDir, value).catch((error: unknown) => log.warn(`the window's place: ${String(error)}`));
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(save, 500);
  };
  window.on('resize', later);
  window.on('move', later);
  window.on('close', save);
}

function reviveAfterCrash(window: BrowserWindow, log: Log): void {
  let crashes: number[] = [];
  window.webContents.on('render-process-gone', (_event, details) => {
    if (details.reason === 'clean-exit' || window.isDestroyed()) return;
    log.error(`the window's page ended: ${details.reason} (${details.exitCode})`);
    const now = Date.now();
    crashes = [...crashes.filter((at) => now - at < 60_000), now];
    const again = crashes.length <= maxCrashes;
    if (again) window.webContents.reload();
    void dialog
      .showMessageBox(window, {
        type: 'warning',
        message: again ? 'The window had to be loaded again.' : 'The window keeps failing.',
        detail: `Its page ended unexpectedly (${details.reason}). Guests and operations were not touched.`,
        buttons: again ? ['OK'] : ['Load again', 'Close the window'],
        noLink: true,
      })
      .then(({ response }) => {
        if (again || window.isDestroyed()) return;
        if (response === 0) window.webContents.reload();
        else window.destroy();
      });
  });
}

/** The preload and the page beside the built main file. */
export const builtFiles = (dist: string) => ({
  preload: path.join(dist, 'preload.cjs'),
  page: path.join(dist, 'renderer'),
  terminalHost: path.join(dist, 'terminal-host.cjs'),
  network: path.join(dist, 'network.cjs'),
});
