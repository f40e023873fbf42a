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
    const until = engine.deps.clock.now() + appears;
    for (let wait = 10; ; wait = Math.min(wait * 2, 500)) {
      // Looked at before the group: what ended in between was in it.
      const code = begun.ended();
      const pids = await watch.pidsOf(ready, group, app.id);
      if (pids.length > 0 && code === null) {
        // What fails at once has not started, for a person.
        await engine.deps.clock.sleep(group.host === null ? atOnce : 0);
        if ((begun.ended() ?? 0) === 0) return void (await this.note(ready, group, app, pids[0]!));
        continue;
      }
      if (code === 0) return void (await this.note(ready, group, app, null));
      if (code !== null || engine.deps.clock.now() > until) {
        const log = await this.log(ready, group, app.id, 40).catch(() => '');
        throw new GuesthouseError('program-failed', `${app.name} did not start.`, {
          why:
            code === null
              ? 'It was not seen in its group.'
              : (log.trim().split('\n').at(-1) ?? `It ended with ${code}.`),
          detail: log,
          subject: group.id,
        });
      }
      await engine.deps.clock.sleep(wait);
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

  private async here(group: StoredGroup, app: Application, enter: Entrance) {
    const [program] = app.command;
    if (!program!.includes('/') && (await findProgram(program!)) === null)
      throw new GuesthouseError('program-missing', `${program} is not installed.`, {
        why: `No program named ${program} is on the search path.`,
        todo: 'Install it, or give its whole path.',
      });
    const file = this.logFile(group.id, app.id);
    await makePrivateDir(path.dirname(file));
    const log = await fs.open(file, 'a', 0o600);
    const [first, ...rest] = app.command;
    let child: ChildProcess;
    try {
      const cwd = app.folder ?? process.env.HOME ?? '/';
      const unit = `guesthouse-${app.id}`;
      child = await spawnDetached([first!, ...rest], { cwd, log: log.fd, unit, enter });
    } catch (cause) {
      throw new GuesthouseError('program-failed', `${app.name} could not be started.`, {
        why: app.folder ? `Is ${app.folder} there?` : cause instanceof Error ? cause.message : undefined,
        detail: await tailLog(file, 20),
        cause,
      });
    } finally {
      await log.close();
    }
    child.unref();
    return { ended: () => child.exitCode ?? (child.signalCode === null ? null : 128) };
  }

  private async far(ready: ReadyHost, group: StoredGroup, app: Application, argv: readonly string[]) {
    const root = ready.backend.root && ready.facts.uid !== 0 && ready.facts.sudo;
    const { stdout } = await ready.machine.exec([
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
    // The shell there does not wait: the log tells how it went when nothing is seen in the group.
    if (!stdout.includes('started'))
      throw new GuesthouseError('program-failed', `${app.name} could not be started.`, {
        why: app.folder ? `${app.folder} could not be entered.` : undefined,
      });
    let looks = 0;
    return { ended: () => (++looks > 12 ? 1 : null) };
  }

  /** The end of what it wrote. */
  async log(ready: ReadyHost | null, group: StoredGroup, member: string, lines: number): Promise<string> {
    if (group.host === null) return tailLog(this.logFile(group.id, member), lines);
    const machine = (ready ?? (await this.engine.ready(group.host, null))).machine;
    const { stdout } = await machine.exec(['sh', '-c', farLog, 'sh', group.id, member, String(lines)]);
    return stdout;
  }
}

/** Ids are letters, digits and dashes. The command's words are arguments and never read as text. */
const farStart = `
d=$HOME/.cache/guesthouse/groups/$1; l=$d/$2.log; f=\${3:-$HOME}
mkdir -p "$d" && chmod 700 "$d" && cd "$f" || exit 0
shift 3
umask 077
if command -v setsid >/dev/null; then setsid "$@" </dev/null >>"$l" 2>&1 &
else nohup "$@" </dev/null >>"$l" 2>&1 & fi
echo started`;
const farLog = 'tail -n "$3" -- "$HOME/.cache/guesthouse/groups/$1/$2.log" 2>/dev/null; exit 0';
