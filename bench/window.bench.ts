import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Home, makeHome } from '../e2e/lib/launch.ts';
import { writeGuests } from '../e2e/lib/library.ts';
import { root } from '../scripts/lib/common.mjs';
import { startXvfb } from '../scripts/lib/display.mjs';
import { emptyApp, type Running, startElectron } from './lib/electron.ts';
import {
  type BenchLine,
  type BenchResult,
  describeSamples,
  interleave,
  pairedRatios,
  summarize,
} from './lib/measure.ts';
import { cpuSeconds, family, pss } from './lib/processes.ts';
import { ensureTools, exec, judged, load, machine, pause, quick, rounds, until } from './lib/tools.ts';

const anyRow = '[data-testid^="guest-row-"]';

/** How soon the window is of use, against virt-manager's; and what it costs while nobody touches it. */
export async function bench(): Promise<BenchResult> {
  const lines: BenchLine[] = [{ text: machine() }];
  const samples: Record<string, readonly number[]> = { loadBefore: [load()] };
  const missing = await ensureTools([
    { program: 'virt-manager', package: 'virt-manager' },
    { program: 'xdotool', package: 'xdotool' },
    { program: 'dbus-run-session', package: 'dbus-daemon' },
  ]);
  const xvfb = await startXvfb();
  const homes: Home[] = [];
  try {
    for (const count of [5, 300]) {
      const home = await makeHome();
      homes.push(home);
      writeGuests(
        home,
        Array.from({ length: count }, (_, at) => ({ name: `guest-${String(at + 1).padStart(3, '0')}` })),
      );
    }
    const [few, many] = homes as [Home, Home];
    const start = (home: Home) => () => untilUsable(xvfb.display, home);
    const runs = { '5 guests': start(few), '300 guests': start(many) };
    const ours = (guests: string) => `Guesthouse, ${guests}`;
    const theirs = (guests: string) => `virt-manager, ${guests}`;
    const all: Record<string, () => Promise<number>> = {};
    for (const [guests, run] of Object.entries(runs)) {
      all[ours(guests)] = run;
      if (missing.length === 0)
        all[theirs(guests)] = () => untilVirtManager(xvfb.display, Number.parseInt(guests, 10));
    }
    const times: Record<string, number[]> = await interleave(all, rounds(10));
    for (const [name, values] of Object.entries(times))
      lines.push({
        text: `start to ${name.startsWith('virt') ? 'a mapped window' : 'a usable list'}, ${name}: ${describeSamples(values, 's')}`,
      });
    Object.assign(samples, times);
    if (missing.length > 0)
      lines.push({ text: `virt-manager was not measured: missing ${missing.join(', ')}` });
    else
      for (const guests of Object.keys(runs)) {
        const ratios = pairedRatios(times[ours(guests)]!, times[theirs(guests)]!);
        samples[`${guests}, Guesthouse / virt-manager`] = ratios;
        const { median } = summarize(ratios);
        lines.push(
          judged(`${guests}: ${describeSamples(ratios, 'of virt-manager’s time')}; aim below 1`, median < 1),
        );
      }
    const idle = await idleCost(xvfb.display);
    lines.push(...idle.lines);
    Object.assign(samples, idle.samples, { loadAfter: [load()] });
    return { lines, samples };
  } finally {
    await xvfb.close();
    for (const home of homes) rmSync(home.root, { recursive: true, force: true });
  }
}

/** Seconds from the start of the process until the first guests stand in the page. */
async function untilUsable(display: string, home: Home): Promise<number> {
  const running = startElectron(root, display, home, anyRow);
  try {
    return await running.shown;
  } finally {
    await running.close();
  }
}

/**
 * Seconds until virt-manager's window is mapped (its rows are drawn in the same moment), in a home and a session bus of
 * its own, on libvirt's test driver, which has that many domains and asks no QEMU.
 */
async function untilVirtManager(display: string, count: number): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'gh-vm-'));
  const node = join(home, 'node.xml');
  writeFileSync(node, testNode(count));
  const env = { ...process.env, DISPLAY: display, HOME: home, XDG_RUNTIME_DIR: home, NO_AT_BRIDGE: '1' };
  const from = performance.now();
  const child = spawn(
    'dbus-run-session',
    ['--', 'virt-manager', '--connect', `test://${node}`, '--no-fork'],
    {
      env,
      stdio: 'ignore',
      detached: true,
    },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const at = await until(
      async () => {
        const found = await exec(
          ['xdotool', 'search', '--onlyvisible', '--name', '^Virtual Machine Manager$'],
          { env },
        );
        return /^\d+$/m.test(found.output);
      },
      "virt-manager's window",
      { everyMs: 20, timeoutMs: 60_000 },
    );
    return (at - from) / 1000;
  } finally {
    process.kill(-child.pid!, 'SIGTERM'); // the session bus and what it started, in the group made for them
    await ended;
    await pause(300);
    rmSync(home, { recursive: true, force: true });
  }
}

/** A host for libvirt's test driver: https://libvirt.org/drvtest.html */
function testNode(count: number): string {
  const domains = Array.from(
    { length: count },
    (_, at) =>
      `<domain type='test'><name>guest-${String(at + 1).padStart(3, '0')}</name><memory unit='MiB'>64</memory>` +
      "<vcpu>1</vcpu><os><type arch='i686'>hvm</type></os></domain>",
  );
  return `<node>${domains.join('')}<cpu><mhz>3000</mhz><model>i686</model><active>2</active><nodes>1</nodes><sockets>1</sockets><cores>2</cores><threads>1</threads></cpu><memory>8192000</memory></node>`;
}

/** Ten guests run and nobody does anything: processor time, and memory beside an empty window of the same Electron. */
async function idleCost(display: string): Promise<BenchResult> {
  const home = await makeHome();
  const empty = emptyApp();
  const seconds = quick ? 5 : 20;
  const count = quick ? 2 : 10;
  const samples: Record<string, number[]> = { idleCpu: [], pss: [], emptyPss: [], emptyCpu: [] };
  try {
    writeGuests(
      home,
      Array.from({ length: count }, (_, at) => ({ name: `idle-${at + 1}` })),
    );
    // Guests outlive the window, so that each round can look at a fresh one, alone: Electrons share memory.
    const inApp = async <T>(work: (running: Running) => Promise<T>): Promise<T> => {
      const running = startElectron(root, display, home, anyRow);
      try {
        await running.shown;
        return await work(running);
      } finally {
        await running.close();
      }
    };
    try {
      await inApp(async (app) => {
        await app.evaluate(startAll);
        await until(async () => (await app.evaluate(countRunning)) === count, 'all guests run', {
          everyMs: 500,
        });
        await pause(quick ? 1000 : 20_000); // firmware looks for something to boot, then rests
      });
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        await inApp(async (app) => {
          await until(
            async () => (await app.evaluate(countRunning)) === count,
            'all guests are found again',
            { everyMs: 500 },
          );
          await pause(quick ? 1000 : 8000);
          const mine = await cost(app.child.pid!, seconds);
          samples.idleCpu!.push(mine.cpu);
          samples.pss!.push(mine.pss);
        });
        const other = startElectron(empty.folder, display, null, 'body');
        try {
          await other.shown;
          await pause(5000);
          const none = await cost(other.child.pid!, quick ? 2 : 5);
          samples.emptyPss!.push(none.pss);
          samples.emptyCpu!.push(none.cpu);
        } finally {
          await other.close();
        }
      }
    } finally {
      await inApp((app) => app.evaluate(endAll));
    }
  } finally {
    empty.remove();
    rmSync(home.root, { recursive: true, force: true });
  }
  const cpu = summarize(samples.idleCpu!);
  const memory = summarize(samples.pss!);
  return {
    lines: [
      judged(
        `idle with ${count} running guests: ${describeSamples(samples.idleCpu!, '% of a core', 2)}, each over ${seconds} s; aim below 2 %`,
        cpu.median < 2,
      ),
      judged(
        `memory of all app processes then (PSS): ${describeSamples(samples.pss!, 'MiB', 0)}; aim below 330 MiB`,
        memory.median < 330,
      ),
      { text: `an empty Electron window beside it: ${describeSamples(samples.emptyPss!, 'MiB', 0)}` },
    ],
    samples,
  };
}

async function cost(pid: number, seconds: number): Promise<{ cpu: number; pss: number }> {
  const pids = family(pid);
  const before = cpuSeconds(pids);
  const from = performance.now();
  await pause(seconds * 1000);
  const used = cpuSeconds(pids) - before;
  return { cpu: (used / ((performance.now() - from) / 1000)) * 100, pss: pss(family(pid)) };
}

const inPage = (body: string) => `(async () => {
  const call = async (name, input) => {
    const answer = await window.guesthouse.call(name, input);
    if (!answer.ok) throw new Error(answer.error.message);
    return answer.value;
  };
  const { guests } = await call('core.snapshot');
  ${body}
})()`;
const startAll = inPage("for (const guest of guests) await call('guests.start', { id: guest.id });");
const countRunning = inPage("return guests.filter((guest) => guest.state === 'running').length;");
const endAll = inPage(
  "for (const guest of guests) if (guest.pid !== null) await call('guests.forceOff', { id: guest.id });",
);
