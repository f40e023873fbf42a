import { StringDecoder } from 'node:string_decoder';
import type { Command } from 'commander';
import type { TerminalFromView, TerminalToView } from '../../../shared/model/terminal.ts';
import { exitCodes } from '../exit-codes.ts';
import { portPair } from '../port-pair.ts';
import type { Run, Runner } from '../run.ts';

/** Ctrl-], as telnet, virsh and LXD have it. */
const leaveKey = 0x1d;
/** Milliseconds in which a terminal answers queries it found in the replay: not typed, so not sent. */
const answerMs = 150;
/** Milliseconds from the end of piped input to leaving, for what it makes the system say. */
const farewellMs = 500;
/** Bytes drawn between two acknowledgements. */
const ackEvery = 5000;

export function registerConsole(program: Command, runner: Runner): void {
  const command = runner
    .define(program, 'console', "Work at a guest's serial console; Ctrl-] leaves")
    .argument('<name>', 'name, folder or UUID')
    .option('--history', 'print what it said last, and leave');
  runner.action<[string]>(command, async (run, ref) => {
    const { id } = await run.guest(ref);
    const terminal = await run.core.call('terminals.openSerial', { id });
    await attach(run, terminal.id, command.opts().history === true);
    return { data: { id, terminal: terminal.id }, text: null, code: exitCodes.ok };
  });
}

/** Joins this terminal to a console until the person leaves, the input ends or the console is closed. */
export async function attach(run: Run, id: string, historyOnly: boolean): Promise<void> {
  const [near, far] = portPair();
  const { stdin, stdout } = process;
  const raw = stdin.isTTY === true && !historyOnly;
  const decoder = new StringDecoder('utf8');
  const say = (message: TerminalFromView) => near.postMessage(message);
  let live = false;
  let unacked = 0;
  let lastReason: string | null = null;

  let leave: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });

  const draw = (bytes: Uint8Array, acknowledge: boolean) =>
    stdout.write(bytes, () => {
      if (!acknowledge) return;
      unacked += bytes.length;
      if (unacked < ackEvery) return;
      say({ t: 'ack', bytes: unacked });
      unacked = 0;
    });

  near.onMessage((message) => {
    const said = message as TerminalToView;
    switch (said.t) {
      case 'replay':
        draw(said.bytes, false);
        return;
      case 'live':
        // After what was drawn before it.
        stdout.write('', () => {
          if (historyOnly) leave();
          setTimeout(
            () => {
              live = true;
              if (!historyOnly) stdin.resume();
            },
            raw ? answerMs : 0,
          );
        });
        return;
      case 'data':
        if (!historyOnly) draw(said.bytes, true);
        return;
      case 'status': {
        const { reason, status } = said.terminal;
        if (reason && reason !== lastReason && !historyOnly && !run.json)
          process.stderr.write(`\r\n[${reason}]\r\n`);
        lastReason = reason;
        if (status === 'ended') leave();
      }
    }
  });
  near.onClose(() => leave());

  const onInput = (chunk: Buffer) => {
    const end = raw ? chunk.indexOf(leaveKey) : -1;
    const typed = end >= 0 ? chunk.subarray(0, end) : chunk;
    if (live && typed.length > 0) say({ t: 'input', text: decoder.write(typed) });
    if (end >= 0) leave();
  };
  const onResize = () => say({ t: 'resize', cols: stdout.columns || 80, rows: stdout.rows || 24 });
  const onAbort = () => leave();
  const onInputEnd = () => void setTimeout(leave, farewellMs);

  if (raw) {
    process.stderr.write('[Ctrl-] leaves the console]\r\n');
    stdin.setRawMode(true);
  }
  stdin.pause();
  stdin.on('data', onInput);
  // Piped input waits for `live`, or it would be gone with nobody to take it.
  if (raw) stdin.resume();
  stdin.on('end', onInputEnd);
  stdout.on('resize', onResize);
  run.signal.addEventListener('abort', onAbort);
  const restore = () => {
    if (raw) stdin.setRawMode(false);
  };
  process.on('exit', restore);
  try {
    await run.core.openPort('terminal', id, far);
    onResize();
    await left;
  } finally {
    near.close();
    restore();
    process.off('exit', restore);
    stdin.off('data', onInput);
    stdin.off('end', onInputEnd);
    stdin.pause();
    stdout.off('resize', onResize);
    run.signal.removeEventListener('abort', onAbort);
    if (raw) process.stderr.write('\r\n');
  }
}
