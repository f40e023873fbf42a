import * as path from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { version } from '../../package.json';
import { acquireCore, createCore, forkWithNode, type Log, libraryPaths } from '../core/index.ts';
import { commands } from './commands/index.ts';
import { exitCodes } from './exit-codes.ts';
import { Runner } from './run.ts';

// As in the window's process (main.ts).
process.env.UV_THREADPOOL_SIZE ??= '16';
process.umask(0o077);

/** Core's own messages are not part of an answer: only what went wrong is shown, or all with GUESTHOUSE_DEBUG. */
const log: Log = {
  info: (message) => debug(message),
  warn: (message) => debug(message),
  error: (message, cause) =>
    process.stderr.write(`${message}${cause === undefined ? '' : `: ${String(cause)}`}\n`),
};
function debug(message: string): void {
  if (process.env.GUESTHOUSE_DEBUG) process.stderr.write(`${message}\n`);
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
});

const paths = libraryPaths();
const runner = new Runner(() =>
  acquireCore({
    paths,
    log,
    createCore: () =>
      createCore({
        paths,
        log,
        version,
        networkHost: [process.execPath, path.join(__dirname, 'network.cjs')],
        forkTerminalHost: forkWithNode(path.join(__dirname, 'terminal-host.cjs')),
      }),
  }),
);

const program = new Command('guesthouse')
  .description('Virtual machines of this computer, without the window. The window may be open meanwhile.')
  .version(version)
  .showHelpAfterError('(--help tells more)')
  // So that `ssh NAME command -x` hands -x on.
  .enablePositionalOptions()
  .exitOverride();
for (const register of commands) register(program, runner);
// Commands made before would not inherit it.
const strict = (command: Command): void => {
  command.exitOverride();
  for (const child of command.commands) strict(child);
};
strict(program);

program.parseAsync(process.argv).catch((error: unknown) => {
  if (error instanceof CommanderError || error instanceof InvalidArgumentError)
    process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage);
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(exitCodes.failed);
});
