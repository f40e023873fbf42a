import type { Command } from 'commander';
import { CancelledError, fromWire, GuesthouseError, toWire } from '../../shared/errors.ts';
import type { Started } from '../../shared/ipc/guests.ts';
import type { Guest } from '../../shared/model/guest.ts';
import type { Operation } from '../../shared/model/operation.ts';
import type { SharedCore } from '../core/index.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { errorText, Progress } from './output.ts';
import { resolve } from './resolve.ts';

/** What a command answers: data for `--json`, text for people. */
export interface Answer {
  readonly data: unknown;
  /** Null prints nothing. */
  readonly text: string | null;
  /** Exit code, when the answer itself is bad news; default 0. */
  readonly code?: number;
}

/** What a command's body is given. */
export interface Run {
  readonly core: SharedCore;
  readonly json: boolean;
  /** Fires at Ctrl-C, for what is no operation. */
  readonly signal: AbortSignal;
  /** A line for people, on stderr. */
  say(line: string): void;
  /** The guest meant by a name, folder name or UUID. */
  guest(ref: string): Promise<Guest>;
  /**
   * Begins an operation and shows it to its end. Ctrl-C cancels it and waits for its cleaning up.
   * @throws {GuesthouseError} what it failed with
   */
  follow(begin: () => Promise<Started>): Promise<Operation>;
}

/** Ctrl-C twice within this many milliseconds is one: a script between us and the terminal may hand it on. */
const sameInterruptMs = 500;

/** Opens the library, runs one command, and ends the process with its exit code. */
export class Runner {
  private readonly abort = new AbortController();
  private interrupted = 0;
  private cancel: (() => void) | null = null;

  constructor(private readonly acquire: () => Promise<SharedCore>) {}

  /** Adds what every command has. */
  define(parent: Command, usage: string, description: string): Command {
    return parent
      .command(usage)
      .description(description)
      .option('--json', 'answer as JSON on standard output')
      .option('-q, --quiet', 'show no progress');
  }

  /** Makes `body` the command's action. */
  action<A extends unknown[]>(
    command: Command,
    body: (run: Run, ...args: [...A, Record<string, never>]) => Promise<Answer>,
  ): void {
    command.action(async (...args: unknown[]) => {
      const options = command.optsWithGlobals() as { json?: boolean; quiet?: boolean };
      // Commander appends the options and the command.
      const given = args.slice(0, -1) as [...A, Record<string, never>];
      await this.run(options.json ?? false, options.quiet ?? false, (run) => body(run, ...given));
    });
  }

  private async run(json: boolean, quiet: boolean, body: (run: Run) => Promise<Answer>): Promise<void> {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => this.onInterrupt());
    let core: SharedCore | null = null;
    let code: number = exitCodes.ok;
    try {
      core = await this.acquire();
      const answer = await body(this.context(core, json, new Progress(process.stderr, quiet)));
      code = answer.code ?? exitCodes.ok;
      if (json) await write(process.stdout, `${JSON.stringify(answer.data ?? null, null, 2)}\n`);
      else if (answer.text !== null) await write(process.stdout, `${answer.text}\n`);
    } catch (error) {
      const wire = toWire(error);
      code = exitCodeOf(wire.code);
      if (json) await write(process.stdout, `${JSON.stringify({ error: wire }, null, 2)}\n`);
      else await write(process.stderr, `${errorText(wire)}\n`);
    }
    await this.leave(core, quiet);
    process.exit(code);
  }

  private context(core: SharedCore, json: boolean, progress: Progress): Run {
    const signal = this.abort.signal;
    return {
      core,
      json,
      signal,
      say: (line) => {
        progress.clear();
        process.stderr.write(`${line}\n`);
      },
      guest: async (ref) => resolve((await core.call('core.snapshot', undefined)).guests, ref),
      follow: (begin) => this.follow(core, begin, progress),
    };
  }

  private async follow(
    core: SharedCore,
    begin: () => Promise<Started>,
    progress: Progress,
  ): Promise<Operation> {
    const early = new Map<string, Operation>();
    let see = (operation: Operation) => void early.set(operation.id, operation);
    let lost: () => void = () => {};
    const off = core.onEvent(({ event }) => {
      if (event.type === 'operation') see(event.operation);
      else if (event.type === 'reset') lost();
    });
    try {
      if (this.abort.signal.aborted) throw new CancelledError();
      const { operation: id } = await begin();
      const cancel = () => {
        core.call('operations.cancel', { id }).catch((error: unknown) => {
          process.stderr.write(`${toWire(error).message}\n`);
        });
      };
      const ended = new Promise<Operation>((done, failed) => {
        see = (operation) => {
          if (operation.id !== id) return;
          progress.show(operation);
          if (operation.endedAt !== null) done(operation);
        };
        lost = () =>
          failed(
            new GuesthouseError('not-owner', 'The Guesthouse that did this went away.', {
              todo: 'Look at the state and try again.',
            }),
          );
        const known = early.get(id);
        if (known) see(known);
        else
          core.call('core.snapshot', undefined).then(({ operations }) => {
            const now = operations.find((operation) => operation.id === id);
            if (now) see(now);
          }, failed);
      });
      this.cancel = cancel;
      if (this.abort.signal.aborted) cancel();
      const last = await ended;
      progress.clear();
      if (last.status === 'cancelled') throw new CancelledError(`${last.title}: cancelled.`);
      if (last.error) throw fromWire(last.error);
      return last;
    } finally {
      this.cancel = null;
      progress.clear();
      off();
    }
  }

  /** The owner of the library stays until what was begun through it, here or by its clients, has ended. */
  private async leave(core: SharedCore | null, quiet: boolean): Promise<void> {
    if (!core) return;
    try {
      await core.closeWhenIdle(async (running) => {
        if (this.abort.signal.aborted) throw new CancelledError();
        if (!quiet) {
          const titles = running.map((operation) => operation.title).join(', ');
          process.stderr.write(`Staying until this has ended: ${titles}. Ctrl-C cancels it.\n`);
        }
        await this.untilOneEnds(core, running);
      });
    } catch (error) {
      process.stderr.write(`${toWire(error).message}\n`);
    }
  }

  /** Rejects at Ctrl-C. */
  private untilOneEnds(core: SharedCore, running: readonly Operation[]): Promise<void> {
    return new Promise((done, failed) => {
      const check = (operation: Operation) => {
        if (operation.endedAt !== null && running.some(({ id }) => id === operation.id)) finish();
      };
      const finish = () => {
        off();
        this.abort.signal.removeEventListener('abort', stop);
        done();
      };
      const stop = () => {
        off();
        failed(new CancelledError());
      };
      const off = core.onEvent(({ event }) => {
        if (event.type === 'operation') check(event.operation);
      });
      this.abort.signal.addEventListener('abort', stop, { once: true });
      // One may have ended before we listened.
      core.call('core.snapshot', undefined).then(({ operations }) => operations.forEach(check), failed);
    });
  }

  private onInterrupt(): void {
    const now = Date.now();
    if (this.interrupted > 0 && now - this.interrupted > sameInterruptMs) process.exit(exitCodes.cancelled);
    if (this.interrupted > 0) return;
    this.interrupted = now;
    this.abort.abort(new CancelledError());
    this.cancel?.();
  }
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((done) => stream.write(text, () => done()));
}
