import type RFB from '@novnc/novnc';
import { useEffect, useRef, useState } from 'react';
import { readClipboard } from '../../../bridge/clipboard.ts';
import { tell, tellError, useToasts } from '../../../stores/toasts.ts';
import { counted } from '../../../ui/format.ts';
import { keysFor, press } from './keys.ts';

/** Characters; what is longer is a file, and goes over SSH. */
const most = 20_000;
/** Milliseconds between characters: an emulated keyboard holds 16 events, and a slow guest must read them in time. */
const pace = 25;

/** Types the clipboard's text into the guest, key by key, with a way to stop. */
export function useTyping(rfb: RFB | null) {
  const [progress, setProgress] = useState<{ done: number; total: number } | null>(null);
  const stop = useRef<() => void>(() => {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: another screen ends what was typed into the last
  useEffect(() => () => stop.current(), [rfb]);

  const type = async () => {
    if (!rfb) return;
    stop.current();
    try {
      const text = await readClipboard();
      if (text === '') return tell('There is no text on the clipboard');
      if (text.length > most)
        return useToasts.getState().add({
          tone: 'bad',
          text: `That is too long to type (${counted(text.length, 'character')}). Copy it over SSH instead.`,
        });
      const { strokes, missing } = keysFor(text);
      rfb.focus();
      let next = 0;
      const end = () => {
        clearInterval(timer);
        setProgress(null);
      };
      const timer = setInterval(() => {
        const keys = strokes[next++];
        if (!keys) {
          end();
          if (missing.length > 0)
            tell(`Left out, since a US keyboard has no key for it: ${missing.slice(0, 12).join(' ')}`);
          return;
        }
        press(rfb, keys);
        setProgress({ done: next, total: strokes.length });
      }, pace);
      stop.current = end;
    } catch (error) {
      tellError(error);
    }
  };
  return { progress, type, stop: () => stop.current() };
}
