import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { type Launched, launchApp, makeHome } from '../../e2e/lib/launch.ts';
import { writeGuests } from '../../e2e/lib/library.ts';
import { waitForTerminal } from '../../e2e/lib/screen.ts';
import { startSshd, type TestSshd } from '../../electron/core/ssh/sshd.fixture.ts';
import { testIds } from '../../renderer/ui/testids.ts';
import type { CallName } from '../../shared/ipc/channels.ts';
import type { Bridge, CallInput, CallOutput } from '../../shared/ipc/contract.ts';
import type { Terminal } from '../../shared/model/terminal.ts';
import { pause, until } from './tools.ts';

/** The real window with a server to open consoles on: an sshd of our own on loopback. */
export interface ConsoleWindow {
  readonly launched: Launched;
  readonly page: Page;
  /** A folder for the bench's files. */
  readonly dir: string;
  call<N extends CallName>(name: N, input: CallInput<N>): Promise<CallOutput<N>>;
  /**
   * Opens a console in front and waits until it shows READY, which the script must print.
   * @param how `ssh`: over the sshd. `local`: the script is the pty's own program, so that nothing but the console
   *   is measured
   */
  open(script: string, how: 'ssh' | 'local'): Promise<Terminal>;
  /** Brings the console opened as the `index`th to the front. */
  front(index: number): Promise<void>;
  closeConsole(terminal: Terminal): Promise<void>;
  close(): Promise<void>;
}

const server = 'loopback';
const localMark = ': bench-local;';

export async function openConsoleWindow(): Promise<ConsoleWindow> {
  const home = await makeHome();
  const dir = join(home.root, 'bench');
  const bin = join(home.root, 'bin');
  for (const folder of [dir, bin]) mkdirSync(folder);
  writeGuests(home, [{ name: 'one' }, { name: 'two' }, { name: 'three' }]);
  // In place of ssh: runs a marked script itself, so that a console's own speed is not ssh's; all else is ssh.
  const shim = join(bin, 'ssh');
  writeFileSync(
    shim,
    `#!/bin/sh
for last; do :; done
case "$last" in *'${localMark}'*) exec /bin/sh -c "$last" ;; esac
PATH=\${PATH#${bin}:} exec ssh "$@"
`,
  );
  chmodSync(shim, 0o755);
  const sshd: TestSshd = await startSshd(dir);
  const launched = await launchApp({ home, env: { PATH: `${bin}:${process.env.PATH ?? '/usr/bin:/bin'}` } });
  const { page } = launched;
  const tabs = page.getByTestId(testIds.dock).locator('[role="tab"]');
  const call = async <N extends CallName>(name: N, input: CallInput<N>): Promise<CallOutput<N>> => {
    const answer = await page.evaluate(([n, i]) => window.guesthouse.call(n as CallName, i), [
      name,
      input,
    ] as const);
    if (!answer.ok) throw new Error(`${name}: ${answer.error.message} ${answer.error.why ?? ''}`);
    return answer.value as CallOutput<N>;
  };
  const close = async () => {
    await launched.close();
    await sshd.stop();
    rmSync(home.root, { recursive: true, force: true });
  };
  try {
    const key = await call('keys.create', { name: 'bench', location: 'app' });
    let line = '';
    await until(
      async () => {
        line = await call('keys.publicText', { id: key.id }).catch(() => '');
        return line !== '';
      },
      'the key',
      { everyMs: 100, timeoutMs: 30_000 },
    );
    appendFileSync(sshd.authorizedKeys, `${line.trim()}\n`);
    const [type, public64] = readFileSync(`${sshd.hostKey}.pub`, 'utf8').split(' ');
    writeFileSync(
      join(home.data, 'guesthouse/known_hosts'),
      `[127.0.0.1]:${sshd.port} ${type} ${public64}\n`,
    );
    await call('servers.add', {
      name: server,
      address: '127.0.0.1',
      port: sshd.port,
      user: userInfo().username,
      keyId: key.id,
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    launched,
    page,
    dir,
    call,
    async open(script, how) {
      const ready = `READY-${randomBytes(4).toString('hex')}`;
      const text = `${how === 'local' ? localMark : ''} ${script.replaceAll('READY', ready)}`;
      const before = await tabs.count();
      const terminal = await call('terminals.openSsh', { target: server, command: ['sh', '-c', text] });
      await until(async () => (await tabs.count()) > before, 'the tab', { timeoutMs: 30_000 });
      await tabs.nth(before).click();
      await waitForTerminal(page, new RegExp(ready), 30_000);
      await focusConsole(page);
      await pause(200); // what is typed while history is drawn is dropped
      return terminal;
    },
    front: (index) => tabs.nth(index).click(),
    async closeConsole(terminal) {
      const before = await tabs.count();
      await call('terminals.close', { id: terminal.id });
      await until(async () => (await tabs.count()) < before, 'the end of the tab', { timeoutMs: 30_000 });
    },
    close,
  };
}

/** Lets the console in front take the keys, wherever the focus was. */
export async function focusConsole(page: Page): Promise<void> {
  const input = page.getByTestId(testIds.terminal).locator('textarea');
  await page.bringToFront();
  await input.focus();
  await until(() => input.evaluate((element) => document.activeElement === element), 'the focus', {
    timeoutMs: 5000,
  });
}

declare global {
  interface Window {
    guesthouse: Bridge;
    /** What {@link drawnAfterKey} waits for. */
    benchDrawn: Promise<{ ms: number; pressedAt: number }>;
    /** What {@link watchKeys} measured, in milliseconds. */
    benchTimes: number[];
  }
}

/**
 * Watches for `mark` in the console in front, looked at every frame, from the next key press on. The watch stands when
 * this resolves: a busy page hears of a key before it does what was asked of it earlier, so a key pressed without
 * waiting may come before the watch.
 * @returns a function that waits for the mark: milliseconds from the press, and when that was
 */
export async function drawnAfterKey(
  page: Page,
  mark: string,
): Promise<() => Promise<{ ms: number; pressedAt: number }>> {
  await page.evaluate(
    ([selector, text]) => {
      window.benchDrawn = new Promise((done) => {
        window.addEventListener(
          'keydown',
          (event) => {
            const look = () => {
              const shown = document.querySelector(selector)?.textContent ?? '';
              if (!shown.includes(text)) return void requestAnimationFrame(look);
              const ms = performance.now() - event.timeStamp;
              done({ ms, pressedAt: performance.timeOrigin + event.timeStamp });
            };
            look();
          },
          { once: true, capture: true },
        );
      });
    },
    [`[data-testid="${testIds.terminal}"] .xterm-rows`, mark] as const,
  );
  return () => page.evaluate(() => window.benchDrawn);
}

/** Notes for each key, in the page, how long until the frame that answers it was made. */
export async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.benchTimes = [];
    window.addEventListener(
      'keydown',
      (event) => {
        requestAnimationFrame(() => {
          const after = new MessageChannel();
          after.port1.onmessage = () => window.benchTimes.push(performance.now() - event.timeStamp);
          after.port2.postMessage(null);
        });
      },
      { capture: true },
    );
  });
}

/** Notes for each key how long until one more `letter` stood in the console in front. */
export async function watchEcho(page: Page, letter: string): Promise<void> {
  await page.evaluate(
    ([selector, key]) => {
      window.benchTimes = [];
      const rows = document.querySelector(selector)!;
      const count = () => (rows.textContent ?? '').split(key).length;
      let known = count();
      const pressed: number[] = [];
      window.addEventListener('keydown', (event) => event.key === key && pressed.push(event.timeStamp), {
        capture: true,
      });
      new MutationObserver(() => {
        const now = count();
        for (; known < now; known++) window.benchTimes.push(performance.now() - pressed.shift()!);
      }).observe(rows, { childList: true, subtree: true, characterData: true });
    },
    [`[data-testid="${testIds.terminal}"] .xterm-rows`, letter] as const,
  );
}

export const noted = (page: Page): Promise<number[]> => page.evaluate(() => window.benchTimes);

/**
 * Joins a console as a view of our own, sends a line feed, and takes every byte until the program ended.
 * @returns how many bytes, and their SHA-256 in hexadecimal
 */
export function takeAll(page: Page, id: string): Promise<{ bytes: number; sha256: string }> {
  return page.evaluate(
    (terminal) =>
      new Promise<{ bytes: number; sha256: string }>((resolve) => {
        const token = crypto.randomUUID();
        const parts: Uint8Array<ArrayBuffer>[] = [];
        let live = false;
        window.addEventListener('message', (event) => {
          if (event.data?.token !== token) return;
          const port = event.ports[0]!;
          port.onmessage = async ({ data }) => {
            if (data.t === 'live') {
              live = true;
              port.postMessage({ t: 'input', text: '\n' });
            } else if (data.t === 'data') {
              parts.push(data.bytes);
              port.postMessage({ t: 'ack', bytes: data.bytes.length });
            } else if (live && data.t === 'status' && data.terminal.status === 'ended') {
              port.close();
              const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
              const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
              const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
              resolve({ bytes: whole.length, sha256 });
            }
          };
          port.start();
        });
        window.guesthouse.openPort('terminal', terminal, token);
      }),
    id,
  );
}
