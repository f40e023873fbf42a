import type { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { OperationContext } from '../operations/runner.ts';
import { type Entrance, spawnDetached } from '../platform/detached.ts';
import { faultPoint } from '../platform/fault.ts';
import { makePrivateDir } from '../platform/fs.ts';
import { parseStat } from '../platform/proc.ts';
import { findProgram } from '../qemu/accelerators.ts';
import { tailLog } from '../qemu/log-file.ts';
import { type GroupEngine, memberKey, type ReadyHost } from './engine.ts';
import { farEnd, farForget, farLog, farStart } from './far-start.ts';
import type { StoredGroup, StoredMember } from './store.ts';
import type { GroupWatch } from './watch.ts';

type Application = Extract<StoredMember, { kind: 'application' }>;
/** Milliseconds for a command to be seen in its group, or to be over. */
const appears = 20_000;
const atOnce = 250;

/** Commands started in groups, each with a log of its own. */
export class Applications {
  constructor(
    private readonly engine: GroupEngine,
    private readonly watch: GroupWatch,
    /** Folder of the logs on this machine. */
    private readonly logs: string,
  ) {}

  logFile(group: string, member: string): string {
    return path.join(this.logs, group, `${member}.log`);
  }

  /**
   * Starts an application in its group and writes down which process it is. On a far machine it outlives the
   * connection (setsid).
   * @throws {GuesthouseError} `program-missing`, `program-failed` with the end of its log when it ended at once
   */
  async start(group: StoredGroup, app: Application, op: OperationContext): Promise<void> {
    const { engine, watch } = this;
    op.phase('Setting the limits');
    const ready = await engine.apply(group, { operation: op.id, signal: op.signal });
    const place = engine.place(group);
    const key = memberKey(app.id);
    await engine.run(ready, ready.backend.room(place, key));
    op.check();
    op.phase('Starting the command');
    const { backend } = ready;
    const enter: Entrance = {
      wrap: (argv) => backend.enter(place, key, argv),
      path: backend.pathOf(place, key),
      orFail: true,
    };
    const begun =
      group.host === null
        ? await this.here(group, app, enter)
        : await this.far(ready, group, app, enter.wrap(app.command));
    faultPoint('application-started');
    const { clock } = engine.deps;
    const until = clock.now() + appears;
    for (let wait = 10; ; wait = Math.min(wait * 2, 500)) {
      // Looked at before the group: what ended in between was in it.
      const code = await begun.ended();
      const pids = await watch.pidsOf(ready, group, app.id);
      if (pids.length > 0 && code === null) {
        // What fails at once has not started, for a person.
        await clock.sleep(atOnce);
        if (((await begun.ended()) ?? 0) === 0) return void (await this.note(ready, group, app, pids[0]!));
        continue;
      }
      if (code === 0) return void (await this.note(ready, group, app, null));
      if (code !== null || clock.now() > until) {
        // What would begin after all would be in the group without being on its list.
        if (code === null) await begun.end();
        const log = await this.log(ready, group, app.id, 40).catch(() => '');
        throw new GuesthouseError('program-failed', `${app.name} did not start.`, {
          why:
            code === null
              ? 'It was not seen in its group.'
              : log.trim().split('\n').at(-1) || `It ended with ${code} and wrote nothing.`,
          detail: log,
          subject: group.id,
        });
      }
      await clock.sleep(wait);
    }
  }

  private async note(ready: ReadyHost, group: StoredGroup, app: Application, pid: number | null) {
    const { store, clock } = this.engine.deps;
    const files = pid === null ? [] : [`/proc/${pid}/stat`];
    const text = (await ready.machine.survey([], files)).files.get(files[0] ?? '');
    const stat = parseStat(text ?? '');
    const running =
      pid !== null && stat ? { pid, startTime: stat.startTime, bootId: ready.facts.bootId } : null;
    await store.changeMember(group.id, app.id, (one) =>
      one.kind === 'application' ? { ...one, running, startedAt: clock.now() } : one,
    );
  }

  private async here(group: StoredGroup, app: Application, enter: Entrance): Promise<Begun> {
    const [program] = app.command;
    if (!program!.includes('/') && (await findProgram(program!)) === null)
      throw new GuesthouseError('program-missing', `${program} is not installed.`, {
        why: `No program named ${program} is on the search path.`,
        todo: 'Install it, or give its whole path.',
      });
    const cwd = app.folder ?? process.env.HOME ?? '/';
    // The error of spawn would not tell whether the program or the folder is missing.
    if (!(await fs.stat(cwd).catch(() => null))?.isDirectory())
      throw new GuesthouseError('program-failed', `${app.name} could not be started.`, {
        why: `There is no folder ${cwd} to start it in.`,
        todo: 'Give a folder that is there.',
      });
    const file = this.logFile(group.id, app.id);
    await makePrivateDir(path.dirname(file));
    const log = await fs.open(file, 'a', 0o600);
    const [first, ...rest] = app.command;
    let child: ChildProcess;
    try {
      const unit = `guesthouse-${app.id}`;
      child = await spawnDetached([first!, ...rest], { cwd, log: log.fd, unit, enter });
    } catch (cause) {
      throw new GuesthouseError('program-failed', `${app.name} could not be started.`, {
        why: cause instanceof Error ? cause.message : undefined,
        detail: await tailLog(file, 20),
        cause,
      });
    } finally {
      await log.close();
    }
    child.unref();
    return {
      ended: async () => child.exitCode ?? (child.signalCode === null ? null : 128),
      end: async () => void child.kill('SIGKILL'),
    };
  }

  private async far(
    ready: ReadyHost,
    group: StoredGroup,
    app: Application,
    argv: readonly string[],
  ): Promise<Begun> {
    const { machine, facts, backend } = ready;
    const root = backend.root && facts.uid !== 0 && facts.sudo;
    const { stdout } = await machine.exec([
      'sh',
      '-c',
      farStart,
      'sh',
      group.id,
      app.id,
      app.folder ?? '',
      ...(root ? ['sudo', '-n', '--'] : []),
      ...argv,
    ]);
    const [, pid, code] = /^started (\d+) (.+)$/m.exec(stdout) ?? [];
    if (pid === undefined || code === undefined)
      throw new GuesthouseError('program-failed', `${app.name} could not be started.`, {
        why: app.folder ? `${app.folder} could not be entered.` : undefined,
      });
    return {
      ended: async () => {
        const text = (await machine.survey([], [code])).files.get(code)?.trim();
        return text ? Number(text) : null;
      },
      end: async () => void (await machine.exec(['sh', '-c', farEnd, 'sh', pid], { root: backend.root })),
    };
  }

  /** The end of what it wrote. */
  async log(ready: ReadyHost | null, group: StoredGroup, member: string, lines: number): Promise<string> {
    if (group.host === null) return tailLog(this.logFile(group.id, member), lines);
    const machine = (ready ?? (await this.engine.ready(group.host, null))).machine;
    const { stdout } = await machine.exec(['sh', '-c', farLog, 'sh', group.id, member, String(lines)]);
    return stdout;
  }

  /** Removes what is kept of a member, or of the whole group (null). @param ready its machine, where it is reached */
  async forget(ready: ReadyHost | null, group: StoredGroup, member: string | null): Promise<void> {
    if (group.host === null)
      await fs.rm(member === null ? path.join(this.logs, group.id) : this.logFile(group.id, member), {
        recursive: true,
        force: true,
      });
    else await ready?.machine.exec(['sh', '-c', farForget, 'sh', group.id, member ?? '']);
  }
}

/** A command under way. */
interface Begun {
  /** Its exit code; null while it runs. */
  ended(): Promise<number | null>;
  end(): Promise<void>;
}
