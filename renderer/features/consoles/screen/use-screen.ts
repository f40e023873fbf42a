import type RFB from '@novnc/novnc';
import { useEffect, useRef, useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../../../shared/errors.ts';
import type { Guest } from '../../../../shared/model/guest.ts';
import { shell } from '../../../bridge/call.ts';
import { openPort } from '../../../bridge/port.ts';
import { useConnection } from '../../../stores/connection.ts';
import { tellError } from '../../../stores/toasts.ts';
import { channelOf, firstBytes } from './channel.ts';
import { letGo } from './keys.ts';

/** How large the picture is: fitted into the view, pixel for pixel, or the guest told to take the view's size. */
export type ScreenSize = 'fit' | 'actual' | 'follow';

export interface ScreenState {
  readonly status: 'off' | 'joining' | 'open' | 'none' | 'failed';
  /** Why there is none. */
  readonly error: WireError | null;
  /** Set while it is open. */
  readonly rfb: RFB | null;
  /** Keys go to the guest. */
  readonly typing: boolean;
  /** What the guest put on its clipboard last, where it has an agent for that. */
  readonly offered: string | null;
}

/** Milliseconds until it is tried again; QEMU opens its socket before the state says that it runs. */
const retryAfter = 600;
const closed: ScreenState = { status: 'off', error: null, rfb: null, typing: false, offered: null };

/**
 * Joins `box` to a guest's screen while `shown` and while QEMU runs, and again whenever it was lost. Everything that
 * is typed into the picture goes to the guest; Ctrl and Alt pressed together, and nothing else, give the keys back:
 * `onRelease` then puts the focus elsewhere.
 */
export function useScreen(guest: Guest, shown: boolean, size: ScreenSize, onRelease: () => void) {
  const box = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<ScreenState>(closed);
  const [attempt, setAttempt] = useState(0);
  const epoch = useConnection((connection) => connection.epoch);
  const wish = useRef(size);
  wish.current = size;
  const release = useRef(onRelease);
  release.current = onRelease;
  const { id, name, pid } = guest;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` and `epoch` ask for the same anew
  useEffect(() => {
    const target = box.current;
    if (pid === null || !shown || !target) {
      setState(closed);
      return;
    }
    const stop = new AbortController();
    let rfb: RFB | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = () => {
      timer = setTimeout(() => setAttempt((count) => count + 1), retryAfter);
    };
    const patch = (part: Partial<ScreenState>) => {
      if (!stop.signal.aborted) setState((old) => ({ ...old, ...part }));
    };
    setState((old) => ({ ...closed, status: old.status === 'none' ? 'none' : 'joining', error: old.error }));
    const join = async () => {
      const [{ default: Client }, port] = await Promise.all([
        import('@novnc/novnc'),
        openPort('screen', id, stop.signal),
      ]);
      if (stop.signal.aborted) return port.close();
      const first = await firstBytes(port);
      if (stop.signal.aborted) return port.close();
      const channel = channelOf(port);
      const made = new Client(target, channel, { shared: true });
      channel.onmessage?.({ data: first });
      rfb = made;
      made.background = 'transparent';
      made.addEventListener('connect', () => {
        prepare(target, `Screen of ${name}`);
        setSize(made, wish.current);
        patch({ status: 'open', rfb: made, error: null });
      });
      made.addEventListener('clipboard', ({ detail }) => patch({ offered: detail.text }));
      made.addEventListener('disconnect', () => {
        rfb = null;
        if (stop.signal.aborted) return;
        patch({ ...closed, status: 'joining' });
        again();
      });
    };
    join().catch((cause: unknown) => {
      if (isCancelled(cause) || stop.signal.aborted) return;
      const error = toWire(cause);
      // Its QEMU is starting or ending: the next try finds what it has become.
      const passing = error.code === 'unreachable' || error.code === 'wrong-state';
      patch({
        ...closed,
        status: error.code === 'unsupported' ? 'none' : passing ? 'joining' : 'failed',
        error,
      });
      if (passing) again();
    });
    const off = followKeys(
      target,
      (typing) => {
        if (!typing && rfb) letGo(rfb);
        patch({ typing });
      },
      () => release.current(),
    );
    return () => {
      stop.abort();
      clearTimeout(timer);
      off();
      rfb?.disconnect();
      target.replaceChildren();
    };
  }, [id, name, pid, shown, epoch, attempt]);

  useEffect(() => {
    if (state.rfb) setSize(state.rfb, size);
  }, [state.rfb, size]);

  return { box, state, retry: () => setAttempt((count) => count + 1) };
}

function setSize(rfb: RFB, size: ScreenSize): void {
  rfb.scaleViewport = size !== 'actual';
  rfb.resizeSession = size === 'follow';
}

/** noVNC's canvas can have the focus, but not by keyboard, and has no name. */
function prepare(box: HTMLElement, label: string): void {
  const canvas = box.querySelector('canvas');
  if (!canvas) return;
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'application');
  canvas.setAttribute('aria-label', label);
}

/** Tells when the picture has the keys, keeps the menu's keys for it meanwhile, and hears Ctrl+Alt let go. */
function followKeys(
  box: HTMLElement,
  onTyping: (typing: boolean) => void,
  onRelease: () => void,
): () => void {
  let has = false;
  /** Ctrl and Alt are down, and nothing else was pressed since. */
  let armed = false;
  const give = (on: boolean) => {
    if (on === has) return;
    has = on;
    onTyping(on);
    void shell('shell.keepKeys', { on }).catch(tellError);
  };
  const down = ({ ctrlKey, altKey, key }: KeyboardEvent) => {
    armed = (key === 'Control' && altKey) || (key === 'Alt' && ctrlKey);
  };
  const up = ({ ctrlKey, altKey }: KeyboardEvent) => {
    // Once both are up, and noVNC has seen it: the guest must not believe that one is still held.
    if (!armed || ctrlKey || altKey) return;
    armed = false;
    setTimeout(onRelease);
  };
  const focus = () => give(true);
  const blur = () => give(false);
  box.addEventListener('focusin', focus);
  box.addEventListener('focusout', blur);
  box.addEventListener('keydown', down, true);
  box.addEventListener('keyup', up, true);
  return () => {
    give(false);
    box.removeEventListener('focusin', focus);
    box.removeEventListener('focusout', blur);
    box.removeEventListener('keydown', down, true);
    box.removeEventListener('keyup', up, true);
  };
}
