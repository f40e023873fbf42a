import { create } from 'zustand';
import { defaultSettings, type Settings } from '../../shared/model/settings.ts';
import { call } from '../bridge/call.ts';
import { tellError } from './toasts.ts';

export const useSettings = create<{ settings: Settings; load: (settings: Settings) => void }>()((set) => ({
  settings: defaultSettings,
  load: (settings) => set({ settings }),
}));

/** The size asked for and not there yet, in pixels: who presses fast goes on from it. Null: none. */
let wished: number | null = null;
useSettings.subscribe(({ settings }) => {
  if (settings.consoleFontSize === wished) wished = null;
});

/** Makes the text of all consoles larger or smaller by a pixel; 0: the usual size. */
export function zoomConsoles(step: 1 | -1 | 0): void {
  const now = wished ?? useSettings.getState().settings.consoleFontSize;
  const size = step === 0 ? defaultSettings.consoleFontSize : Math.min(32, Math.max(8, now + step));
  if (size === now) return;
  wished = size;
  call('settings.set', { consoleFontSize: size }).catch((error) => {
    wished = null;
    tellError(error);
  });
}
