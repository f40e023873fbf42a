import { ipcMain, type WebContents, type WebFrameMain } from 'electron';
import * as z from 'zod';
import { GuesthouseError, toWire } from '../../shared/errors.ts';
import { type CallName, callNames, type ShellCallName, shellCallNames } from '../../shared/ipc/channels.ts';
import type { Envelope } from '../../shared/ipc/contract.ts';
import type { EventEnvelope } from '../../shared/ipc/events.ts';
import { type ShellCallInput, type ShellCallOutput, shellContract } from '../../shared/ipc/shell.ts';
import type { Core } from '../core/index.ts';
import { portFromElectron } from './ports.ts';
import { origin } from './scheme.ts';

export type ShellHandlers = {
  readonly [N in ShellCallName]: (
    input: ShellCallInput<N>,
    /** The page that asks. */
    page: WebContents,
  ) => Promise<ShellCallOutput<N>>;
};

const portRequest = z.object({ kind: z.enum(['terminal', 'screen']), id: z.string().min(1).max(200) });
const coreNames: ReadonlySet<string> = new Set(callNames);
const shellNames: ReadonlySet<string> = new Set(shellCallNames);

/** Our own page in a window's main frame, and nothing else: a frame in it or a page it was led to is refused. */
function isOurs(frame: WebFrameMain | null): boolean {
  if (!frame || frame.parent !== null) return false;
  try {
    return new URL(frame.url).protocol === 'app:' && frame.url.startsWith(`${origin}/`);
  } catch {
    return false;
  }
}

/**
 * The one place that touches ipcMain: checks the sender, answers every call with an envelope, and joins byte channels.
 * Input is parsed by the contract: core's by core, the window's own here.
 */
export function installIpc(core: Promise<Core>, shell: ShellHandlers): void {
  ipcMain.handle('guesthouse:call', async (event, name: unknown, input: unknown) => {
    if (!isOurs(event.senderFrame)) return failed(refused());
    const gone = new AbortController();
    const onGone = () => gone.abort(new GuesthouseError('cancelled', 'The window was closed.'));
    event.sender.once('destroyed', onGone);
    try {
      return { ok: true, value: await dispatch(await core, shell, name, input, gone.signal, event.sender) };
    } catch (error) {
      return failed(error);
    } finally {
      event.sender.off('destroyed', onGone);
    }
  });

  ipcMain.on('guesthouse:port', (event, request: unknown) => {
    const [native] = event.ports;
    if (!native) return;
    const parsed = portRequest.safeParse(request);
    if (!isOurs(event.senderFrame) || !parsed.success) return native.close();
    const port = portFromElectron(native);
    void core
      .then((joined) => joined.openPort(parsed.data.kind, parsed.data.id, port))
      .catch((error: unknown) => {
        // The page learns why on the port itself; a port posted on already is not ours to speak on.
        try {
          native.postMessage({ t: 'error', error: toWire(error) });
          native.close();
        } catch {}
      });
  });
}

async function dispatch(
  core: Core,
  shell: ShellHandlers,
  name: unknown,
  input: unknown,
  signal: AbortSignal,
  page: WebContents,
): Promise<unknown> {
  if (typeof name === 'string' && coreNames.has(name))
    return core.call(name as CallName, input as never, { signal });
  if (typeof name === 'string' && shellNames.has(name))
    return callShell(shell, name as ShellCallName, input, page);
  throw new GuesthouseError('invalid-input', 'There is no such call.');
}

function callShell<N extends ShellCallName>(
  shell: ShellHandlers,
  name: N,
  input: unknown,
  page: WebContents,
) {
  const parsed = shellContract[name].input.safeParse(input);
  if (!parsed.success)
    throw new GuesthouseError('invalid-input', 'That cannot be done with this input.', {
      why: z.prettifyError(parsed.error),
    });
  return shell[name](parsed.data as ShellCallInput<N>, page);
}

const refused = () => new GuesthouseError('no-permission', 'That page may not ask for this.');
const failed = (error: unknown): Envelope<never> => ({
  ok: false,
  error: toWire(error),
});

/**
 * Sends core's events to a page, those of one turn of the loop together: a burst of progress is one message.
 * Returns how to stop.
 */
export function forwardEvents(core: Core, contents: WebContents): () => void {
  let batch: EventEnvelope[] = [];
  const off = core.onEvent((envelope) => {
    if (batch.push(envelope) > 1) return;
    setImmediate(() => {
      const sent = batch;
      batch = [];
      if (!contents.isDestroyed()) contents.send('guesthouse:events', sent);
    });
  });
  contents.once('destroyed', off);
  return off;
}
