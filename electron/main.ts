import * as path from 'node:path';
import { app } from 'electron';
import { libraryPaths } from './core/early.ts';
import { runShell } from './shell/app.ts';
import { fileLog } from './shell/log.ts';
import { becomeNetworkHost, networkHostInElectron } from './shell/network-host.ts';
import { forkInElectron } from './shell/terminal-host.ts';
import { builtFiles } from './shell/window.ts';

// Before its first use: libuv's four threads would make the disks of a batch of clones wait for each other.
process.env.UV_THREADPOOL_SIZE ??= '16';
// Before anything is made: library, sockets and logs are this person's alone.
process.umask(0o077);

const files = builtFiles(__dirname);
becomeNetworkHost(files.network);

const paths = libraryPaths();
const log = fileLog(paths.cache);

runShell({
  paths,
  log,
  files,
  icon: path.join(app.getAppPath(), 'assets', 'icon-256.png'),
  acquire: async () => {
    // Loaded only now: the window opens without it.
    const { acquireCore, createCore } = await import('./core/index.ts');
    return acquireCore({
      paths,
      log,
      createCore: () =>
        createCore({
          paths,
          log,
          version: app.getVersion(),
          networkHost: networkHostInElectron(),
          forkTerminalHost: forkInElectron(files.terminalHost),
        }),
    });
  },
});
