import { create } from 'zustand';
import type { Template } from '../../shared/model/template.ts';
import { keyedStore } from './keyed.ts';
import { useUi } from './ui.ts';

export const useTemplates = keyedStore<Template>();

/** Which template the list stands on. */
export const useTemplateView = create<{ selected: string | null; select: (id: string | null) => void }>()(
  (set) => ({
    selected: null,
    select: (selected) => set({ selected }),
  }),
);

/** For texts: the template's name, or its id when it is not known (yet, or any more). */
export function templateNameOf(id: string): string {
  return useTemplates.getState().byId[id]?.name ?? id;
}

/** Goes to the page with this template chosen. */
export function showTemplate(id: string): void {
  useTemplateView.getState().select(id);
  useUi.getState().go('templates');
}
