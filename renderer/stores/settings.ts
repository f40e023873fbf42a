import { create } from 'zustand';
import { defaultSettings, type Settings } from '../../shared/model/settings.ts';

export const useSettings = create<{ settings: Settings; load: (settings: Settings) => void }>()((set) => ({
  settings: defaultSettings,
  load: (settings) => set({ settings }),
}));
