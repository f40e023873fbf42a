import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestCore } from '../electron/core/testing/core.ts';
import { openLibrary, starterGuest } from './lib/library.ts';
import { type BenchResult, describeSamples, interleave, pairedRatios, summarize } from './lib/measure.ts';
import { exec, judged, load, machine, must, rounds, until } from './lib/tools.ts';

/** Start to login prompt: through Guesthouse, and the same image and flags on a bare command line. */
export async function bench(): Promise<BenchResult> {
  const library = await openLibrary();
  try {
    const { test } = library;
    const before = load();
    const id = await starterGuest(test, 'boot');
    const folder = join(library.home.paths.guests, id);
    const { guest } = await test.core.call('guests.detail', { id });
    const disk = guest.disks[0]!.file!;
    const serial = join(folder, 'serial.log');
    // Once to let the first boot do what only a first boot does, and to read the command line of a running guest.
    await started(test, id, serial);
    const { commandLine } = await test.core.call('guests.detail', { id });
    if (!commandLine) throw new Error('a running guest has no command line');
    await test.done(await test.core.call('guests.shutdown', { id, deadline: 120 }));
    const pristine = join(library.home.home, 'pristine.qcow2');
    await must(['cp', '--sparse=always', disk, pristine]);

    const reset = async () => {
      await must(['cp', '--sparse=always', pristine, disk]);
      await exec(['sync', '-f', disk]);
    };
    const samples = await interleave(
      {
        guesthouse: async () => {
          await reset();
          const seconds = await started(test, id, serial);
          await test.core.call('guests.forceOff', { id });
          await until(async () => (await test.guest(id)).state === 'off', 'off');
          return seconds;
        },
        bare: async () => {
          await reset();
          return bare(commandLine, serial);
        },
      },
      rounds(10),
    );
    const ratios = pairedRatios(samples.guesthouse, samples.bare);
    const { median } = summarize(ratios);
    return {
      lines: [
        { text: machine() },
        { text: `start to login prompt, Guesthouse: ${describeSamples(samples.guesthouse, 's')}` },
        { text: `start to login prompt, bare qemu-system-x86_64: ${describeSamples(samples.bare, 's')}` },
        judged(
          `of the bare command's time, pair by pair: ${describeSamples(ratios, 'times', 3)}; aim 1.03`,
          median <= 1.03,
        ),
      ],
      samples: { ...samples, ratio: ratios, load: [before, load()] },
    };
  } finally {
    await library.close();
  }
}

/** Seconds from the call to the prompt. */
async function started(test: TestCore, id: string, serial: string): Promise<number> {
  const size = sizeOf(serial);
  const from = performance.now();
  const operation = await test.core.call('guests.start', { id });
  const failed = test.done(operation).then(
    () => null,
    (error) => error,
  );
  const end = await prompt(serial, size);
  const error = await failed;
  if (error) throw error;
  return (end - from) / 1000;
}

/** The very arguments, without anything of ours around them. */
async function bare(commandLine: readonly string[], serial: string): Promise<number> {
  const [program, ...args] = commandLine;
  const pidfile = args[args.indexOf('-pidfile') + 1]!;
  mkdirSync(dirname(pidfile), { recursive: true });
  const size = sizeOf(serial);
  const from = performance.now();
  const child = spawn(program!, args, { cwd: dirname(pidfile), stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  try {
    return ((await prompt(serial, size)) - from) / 1000;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Waits for a login prompt in what the log got beyond `from` bytes, or in a log begun anew. */
function prompt(file: string, from: number): Promise<number> {
  return until(
    () => {
      const size = sizeOf(file);
      const at = size >= from ? from : 0;
      if (size === at) return false;
      const bytes = Buffer.alloc(size - at);
      const fd = openSync(file, 'r');
      try {
        readSync(fd, bytes, 0, bytes.length, at);
      } finally {
        closeSync(fd);
      }
      return bytes.includes('login: ');
    },
    'the login prompt',
    { timeoutMs: 180_000 },
  );
}
