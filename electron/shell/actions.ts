import { realpathSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { app, BrowserWindow, clipboard, dialog, type OpenDialogOptions, shell } from 'electron';
import { GuesthouseError } from '../../shared/errors.ts';
import type { LibraryPaths } from '../core/index.ts';
import type { ShellHandlers } from './ipc.ts';

/** The window's own calls. Their input is parsed: see shellContract. */
export function shellHandlers(
  paths: LibraryPaths,
  openScreen: (id: string, title: string) => void,
): ShellHandlers {
  return {
    'shell.openExternal': async ({ url }) => {
      const parsed = new URL(url);
      if (parsed.protocol !== 'https:' || parsed.username || parsed.password)
        throw new GuesthouseError('invalid-input', 'Only https addresses are opened.');
      await shell.openExternal(parsed.href);
    },
    'shell.showInFolder': async ({ path: target }) => {
      shell.showItemInFolder(insideLibrary(paths, target));
    },
    'shell.writeClipboard': async ({ text }) => clipboard.writeText(text),
    'shell.saveText': ({ name, text }) => saveAs(name, text),
    'shell.readClipboard': async (_input, page) => {
      if (BrowserWindow.fromWebContents(page)?.isFocused() !== true)
        throw new GuesthouseError('no-permission', 'Only the window in front reads the clipboard.');
      return { text: await clipboard.readText() };
    },
    'shell.pickFile': async ({ title, endings, kind }) => {
      const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0];
      const options: OpenDialogOptions = {
        title,
        properties: ['openFile'],
        filters: [
          { name: kind, extensions: endings },
          { name: 'All files', extensions: ['*'] },
        ],
      };
      const { canceled, filePaths } = await (window
        ? dialog.showOpenDialog(window, options)
        : dialog.showOpenDialog(options));
      const [chosen] = filePaths;
      return canceled || !chosen ? null : { path: chosen };
    },
    'shell.savePicture': ({ name, png }) => saveAs(name, Buffer.from(png, 'base64')),
    'shell.openScreen': async ({ id, title }) => openScreen(id, title),
    'shell.keepKeys': async ({ on }, page) => page.setIgnoreMenuShortcuts(on),
    'shell.fullScreen': async ({ on }, page) => BrowserWindow.fromWebContents(page)?.setFullScreen(on),
    'shell.info': async () => ({
      version: app.getVersion(),
      electron: process.versions.electron ?? '',
      chrome: process.versions.chrome ?? '',
      gpu: app.getGPUFeatureStatus().webgl === 'enabled',
    }),
  };
}

/** Asks where to and writes it there. */
async function saveAs(name: string, content: string | Buffer): Promise<{ path: string } | null> {
  const window = BrowserWindow.getFocusedWindow() ?? BrowserWindow.getAllWindows()[0];
  const options = { defaultPath: path.join(app.getPath('documents'), path.basename(name)) };
  const { canceled, filePath } = await (window
    ? dialog.showSaveDialog(window, options)
    : dialog.showSaveDialog(options));
  if (canceled || !filePath) return null;
  await writeFile(filePath, content, { mode: 0o600 });
  return { path: filePath };
}

/** The page may only have shown what is the library's: files of ours, with links followed. */
function insideLibrary(paths: LibraryPaths, target: string): string {
  try {
    const real = realpathSync(target);
    for (const dir of [paths.data, paths.cache, path.join(paths.home, '.ssh')]) {
      if (real === dir || real.startsWith(realpathSync(dir) + path.sep)) return real;
    }
  } catch {}
  throw new GuesthouseError('not-found', 'That file is not there, or not one of the library.');
}
