import { app, Menu, type MenuItemConstructorOptions } from 'electron';

/**
 * The menu, hidden on Linux until Alt is pressed: the page has its own. It is here for the accelerators and for copy and
 * paste. Nothing takes a plain Ctrl+letter that a shell in a console wants (W, R, D…).
 */
export function installMenu(actions: { newWindow: () => void }): void {
  const edit: MenuItemConstructorOptions = {
    label: 'Edit',
    submenu: [
      { role: 'undo' },
      { role: 'redo' },
      { type: 'separator' },
      { role: 'cut' },
      { role: 'copy' },
      { role: 'paste' },
      { role: 'selectAll' },
    ],
  };
  const template: MenuItemConstructorOptions[] = [
    {
      label: 'Guesthouse',
      submenu: [
        { label: 'Open Window', click: actions.newWindow },
        { role: 'close', accelerator: 'CommandOrControl+Shift+W' },
        { type: 'separator' },
        { label: 'Quit', accelerator: 'CommandOrControl+Shift+Q', click: () => app.quit() },
      ],
    },
    edit,
    {
      label: 'View',
      submenu: [
        { role: 'reload', accelerator: 'CommandOrControl+Shift+R' },
        { role: 'togglefullscreen', accelerator: 'F11' },
        { role: 'toggleDevTools', accelerator: 'CommandOrControl+Shift+I' },
      ],
    },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
