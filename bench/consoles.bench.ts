import { spawn as spawnProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as nodePty from 'node-pty';
import { testIds } from '../renderer/ui/testids.ts';
import {
  type ConsoleWindow,
  drawnAfterKey,
  focusConsole,
  noted,
  openConsoleWindow,
  takeAll,
  watchEcho,
  watchFrames,
} from './lib/console-window.ts';
import {
  type BenchLine,
  type BenchResult,
  describeSamples,
  interleave,
  pairedRatios,
  quantile,
  summarize,
} from './lib/measure.ts';
import { family, programOf, pss } from './lib/processes.ts';
import {
  ensureTools,
  judged,
  load,
  machine,
  pause,
  quick,
  rounds,
  textOf,
  until,
  within,
} from './lib/tools.ts';

/** Consoles in the real window: how fast they draw, that they lose nothing, that they answer, what they cost. */
export async function bench(): Promise<BenchResult> {
  const lines: BenchLine[] = [{ text: machine() }];
  const samples: Record<string, readonly number[]> = { loadBefore: [load()] };
  const shown = await openConsoleWindow();
  try {
    for (const part of [throughput, loss, flood, echo, memory]) {
      const result = await part(shown);
      lines.push(...result.lines);
      Object.assign(samples, result.samples);
    }
    samples.loadAfter = [load()];
    return { lines, samples };
  } finally {
    await shown.close();
  }
}

const size = { cols: 120, rows: 24 };

/** 50 MB of base64: in our window, in xterm, and thrown away by a bare reader. */
async function throughput(shown: ConsoleWindow): Promise<BenchResult> {
  const { page, dir } = shown;
  const missing = await ensureTools([
    { program: 'xterm', package: 'xterm' },
    { program: 'bash', package: 'bash' },
  ]);
  const source = join(dir, 'random');
  // base64 makes 4 bytes of 3 and a line feed every 76, which the terminal makes two bytes.
  writeFileSync(source, randomBytes(Math.round(((quick ? 5e6 : 50e6) * 3 * 76) / (4 * 78))));
  const megabytes = (quick ? 5e6 : 50e6) / 1e6;
  // Without the window: times itself, to the answer of the terminal to a question behind the last byte.
  const times = join(dir, 'times');
  const script = join(dir, 'self-timed');
  writeFileSync(
    script,
    `stty -echo -icanon
from=$(date +%s%N)
base64 '${source}'
printf '\\033[6n'
IFS= read -r -d R answer
echo $(($(date +%s%N) - from)) > '${times}.new'
mv '${times}.new' '${times}'
`,
  );
  const timesItself = async (start: () => () => void) => {
    rmSync(times, { force: true });
    const stop = start();
    await until(() => textOf(times) !== '', 'the end of 50 MB', { everyMs: 50, timeoutMs: 120_000 });
    stop();
    return megabytes / (Number(textOf(times)) / 1e9);
  };
  let count = 0;
  const runs: Record<string, () => Promise<number>> = {
    'Guesthouse, pty to drawn': async () => {
      const mark = `END-${++count}-`;
      const terminal = await shown.open(
        `stty -echo; echo READY; read x; base64 '${source}'; echo; echo ${mark}; read x`,
        'local',
      );
      const drawn = await drawnAfterKey(page, mark);
      await page.keyboard.press('Enter');
      const { ms } = await within(drawn(), 'the last byte in the window');
      await shown.closeConsole(terminal);
      return megabytes / (ms / 1000);
    },
    ...(missing.length === 0
      ? {
          xterm: () =>
            timesItself(() => {
              const child = spawnProcess(
                'xterm',
                ['-geometry', `${size.cols}x${size.rows}`, '-sl', '10000', '-e', 'bash', script],
                { env: { ...process.env, DISPLAY: shown.launched.display }, stdio: 'ignore' },
              );
              return () => void child.kill();
            }),
        }
      : {}),
    'bare pty reader': () =>
      timesItself(() => {
        const pty = nodePty.spawn('bash', [script], { ...size, encoding: null });
        pty.onData((chunk: string | Buffer) => {
          if (chunk.includes('\x1b[6n')) pty.write('\x1b[1;1R');
        });
        return () => pty.kill();
      }),
  };
  const samples: Record<string, number[]> = await interleave(runs, rounds(10));
  rmSync(source);
  const ours = samples['Guesthouse, pty to drawn']!;
  const lines: BenchLine[] = Object.entries(samples).map(([name, values]) =>
    values === ours
      ? judged(
          `${megabytes} MB of base64, ${name}: ${describeSamples(values, 'MB/s', 1)}; aim 20`,
          summarize(values).median >= 20,
        )
      : { text: `${megabytes} MB of base64, ${name}: ${describeSamples(values, 'MB/s', 1)}` },
  );
  if (samples.xterm)
    lines.push({
      text: `Guesthouse against xterm: ${describeSamples(pairedRatios(ours, samples.xterm), 'times as fast')}`,
    });
  else lines.push({ text: `xterm was not measured: missing ${missing.join(', ')}` });
  return { lines, samples };
}

/** A program that ends right behind its last byte. */
async function loss(shown: ConsoleWindow): Promise<BenchResult> {
  const file = join(shown.dir, 'whole');
  const content = Buffer.from(randomBytes(2_000_000).toString('base64'));
  writeFileSync(file, content);
  const expected = createHash('sha256').update(content).digest('hex');
  const lost: number[] = [];
  let wrong = 0;
  for (let round = 0; round < (quick ? 2 : 20); round++) {
    const terminal = await shown.open(
      `stty raw -echo; printf 'READY\\r\\n'; read x; exec cat '${file}'`,
      'local',
    );
    const { bytes, sha256 } = await within(takeAll(shown.page, terminal.id), 'the end of the program');
    lost.push(content.length - bytes);
    if (sha256 !== expected) wrong++;
    await shown.closeConsole(terminal);
  }
  const sum = lost.reduce((a, b) => a + b, 0);
  return {
    lines: [
      {
        text: `bytes lost at a program's end: ${sum} of ${lost.length} times ${content.length}, ${wrong} runs with a wrong checksum; aim 0`,
        ok: sum === 0 && wrong === 0,
      },
    ],
    samples: { bytesLost: lost },
  };
}

/** While `yes` floods the console: the window answers typing, and Ctrl-C stops it. */
async function flood(shown: ConsoleWindow): Promise<BenchResult> {
  const { page, dir } = shown;
  const stopFile = join(dir, 'stopped');
  const stopped: number[] = [];
  const drawn: number[] = [];
  const input: number[] = [];
  for (let round = 0; round < rounds(10); round++) {
    rmSync(stopFile, { force: true });
    const mark = `STOPPED-${round}-`;
    const terminal = await shown.open(
      `stty -echo; echo READY; read x; trap : INT; yes; date +%s%N >'${stopFile}'; echo; echo ${mark}; read x`,
      'local',
    );
    await page.keyboard.press('Enter');
    await pause(500);
    await page.getByTestId(testIds.guestFilter).focus();
    if (round === 0) await watchFrames(page);
    const before = (await noted(page)).length;
    for (let key = 0; key < (quick ? 5 : 20); key++) {
      await page.keyboard.press(key % 2 === 0 ? 'o' : 'Backspace');
      await pause(30);
    }
    input.push(...(await noted(page)).slice(before));
    await focusConsole(page);
    const seen = await drawnAfterKey(page, mark);
    // Control itself is a key, and the first: the watch is told by the time of that one.
    await page.keyboard.press('Control+c');
    const { ms, pressedAt } = await within(seen(), 'the end of yes');
    drawn.push(ms);
    stopped.push(Number(readFileSync(stopFile, 'utf8')) / 1e6 - pressedAt);
    await shown.closeConsole(terminal);
  }
  return {
    lines: [
      judged(
        `Ctrl-C stops yes: ${describeSamples(stopped, 'ms', 0)}; aim below 50 ms`,
        summarize(stopped).median < 50,
      ),
      { text: `and its end is drawn: ${describeSamples(drawn, 'ms', 0)}` },
      judged(
        `the window answers input meanwhile: p50 ${quantile(input, 0.5).toFixed(0)} ms, p95 ${quantile(input, 0.95).toFixed(0)} ms of ${input.length} keys; aim p95 below 50 ms`,
        quantile(input, 0.95) < 50,
      ),
    ],
    samples: { ctrlC: stopped, ctrlCDrawn: drawn, inputUnderFlood: input },
  };
}

/** A key's way to the screen and back over SSH, beside the same ssh in a pty of its own. */
async function echo(shown: ConsoleWindow): Promise<BenchResult> {
  const { page } = shown;
  const letter = '='; // not ssh's escape character
  const keys = quick ? 5 : 50;
  const ours: number[] = [];
  const bare: number[] = [];
  const { argv } = await shown.call('ssh.command', { target: 'loopback', command: ['cat'] });
  for (let round = 0; round < rounds(5); round++) {
    const terminal = await shown.open('echo READY; exec cat', 'ssh');
    await watchEcho(page, letter);
    for (let key = 0; key < keys; key++) {
      await page.keyboard.press(letter);
      await pause(30);
    }
    await pause(500);
    ours.push(...(await noted(page)));
    await shown.closeConsole(terminal);
    bare.push(...(await bareEcho(argv, letter, keys)));
  }
  const say = (name: string, values: readonly number[]) =>
    `keystroke echo over ssh, ${name}: p50 ${quantile(values, 0.5).toFixed(1)} ms, p95 ${quantile(values, 0.95).toFixed(1)} ms of ${values.length} keys`;
  return {
    lines: [
      { text: say('Guesthouse, key to drawn', ours) },
      { text: say('bare ssh in a pty, write to read', bare) },
    ],
    samples: { echo: ours, echoBare: bare },
  };
}

async function bareEcho(argv: readonly string[], letter: string, keys: number): Promise<number[]> {
  const [program, ...rest] = argv;
  const pty = nodePty.spawn(program!, ['-t', ...rest], size);
  let heard: (() => void) | null = null;
  pty.onData((text) => text.includes(letter) && heard?.());
  const times: number[] = [];
  // The first waits for the log-in, and is not counted.
  for (let key = 0; key <= keys; key++) {
    if (key === 0) await pause(1500);
    const answered = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const from = performance.now();
    pty.write(letter);
    await within(answered, 'an echo');
    if (key > 0) times.push(performance.now() - from);
    await pause(30);
  }
  pty.kill();
  return times;
}

/** What twenty open consoles add to the app's own processes; the programs in them are not counted. */
async function memory(shown: ConsoleWindow): Promise<BenchResult> {
  const { page } = shown;
  const count = quick ? 3 : 20;
  const pid = shown.launched.app.process().pid!;
  const own = programOf(pid);
  const now = async () => {
    await pause(quick ? 1000 : 5000);
    return pss(family(pid).filter((each) => programOf(each) === own));
  };
  const before = await now();
  const terminals = [];
  for (let each = 0; each < count; each++)
    terminals.push(
      await shown.open(
        'stty -echo; echo READY; read x; seq -f "%080.0f" 1 10000; echo; echo FULL; read x',
        'local',
      ),
    );
  const open = await now();
  for (const index of terminals.keys()) {
    await shown.front(index);
    await focusConsole(page);
    const full = await drawnAfterKey(page, 'FULL');
    await page.keyboard.press('Enter');
    await within(full(), 'the last line');
  }
  const filled = await now();
  for (const terminal of terminals) await shown.closeConsole(terminal);
  const closed = await now();
  return {
    lines: [
      {
        text: `memory (PSS) of the app without a console: ${before.toFixed(0)} MiB; each of ${count} open ones: ${((open - before) / count).toFixed(1)} MiB, with 10,000 lines of 80 columns in each: ${((filled - before) / count).toFixed(1)} MiB; after closing all: ${closed.toFixed(0)} MiB`,
      },
    ],
    samples: { consoleMemory: [before, open, filled, closed] },
  };
}
