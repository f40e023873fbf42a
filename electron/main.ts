import * as path from 'node:path';
import { app } from 'electron';
import { acquireCore, createCore, libraryPaths } from './core/index.ts';
import { runShell } from './shell/app.ts';
import { fileLog } from './shell/log.ts';
import { forkInElectron } from './shell/terminal-host.ts';
import { builtFiles } from './shell/window.ts';

// Before anything is made: library, sockets and logs are this person's alone.
process.umask(0o077);

const paths = libraryPaths();
const log = fileLog(paths.cache);
const files = builtFiles(__dirname);

runShell({
  paths,
  log,
  files,
  icon: path.join(app.getAppPath(), 'assets', 'icon-256.png'),
  acquire: () =>
    acquireCore({
      paths,
      log,
      createCore: () =>
        createCore({
          paths,
          log,
          version: app.getVersion(),
          forkTerminalHost: forkInElectron(files.terminalHost),
        }),
    }),
});
