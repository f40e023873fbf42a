import { create } from 'zustand';
import { toWire, type WireError } from '../../shared/errors.ts';
import type { HostReport } from '../../shared/model/host.ts';
import { call } from '../bridge/call.ts';

/** The last host report. Asked for by the views that show it; `refresh` tries everything anew. */
export const useHost = create<{
  report: HostReport | null;
  loading: boolean;
  error: WireError | null;
  fetch: (refresh?: boolean) => Promise<void>;
}>()((set, get) => ({
  report: null,
  loading: false,
  error: null,
  fetch: async (refresh = false) => {
    if (get().loading) return;
    set({ loading: true, error: null });
    try {
      // What is known at once first; the trial of KVM takes seconds.
      if (!get().report) set({ report: await call('host.report', { wait: false }) });
      if (refresh || get().report?.accelerator.kvm === 'trying')
        set({ report: await call('host.report', { refresh }) });
      set({ loading: false });
    } catch (error) {
      set({ error: toWire(error), loading: false });
    }
  },
}));
