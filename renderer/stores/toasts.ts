import { create } from 'zustand';
import { isCancelled, toWire, type WireError } from '../../shared/errors.ts';

export interface ToastAction {
  readonly label: string;
  readonly run: () => void;
}
export interface Toast {
  readonly id: number;
  readonly tone: 'good' | 'plain' | 'bad';
  readonly text: string;
  readonly error?: WireError;
  readonly action?: ToastAction;
}

/** Milliseconds an outcome stays; errors stay until they are closed. */
const stay = 6000;
const most = 4;
let last = 0;

export const useToasts = create<{
  toasts: readonly Toast[];
  add: (toast: Omit<Toast, 'id'>) => void;
  close: (id: number) => void;
}>()((set, get) => ({
  toasts: [],
  add: (toast) => {
    // A failed call and its failed operation tell the same thing.
    if (get().toasts.some((shown) => shown.text === toast.text && shown.tone === toast.tone)) return;
    const id = ++last;
    set(({ toasts }) => ({ toasts: [...toasts, { ...toast, id }].slice(-most) }));
    if (toast.tone !== 'bad') setTimeout(() => get().close(id), toast.action ? stay * 2 : stay);
  },
  close: (id) => set(({ toasts }) => ({ toasts: toasts.filter((toast) => toast.id !== id) })),
}));

/** Tells an outcome in passing. */
export function tell(text: string, action?: ToastAction): void {
  useToasts.getState().add({ tone: 'good', text, action });
}

/** Tells a failure. What was cancelled did not fail: nothing is told. */
export function tellError(error: unknown): void {
  if (isCancelled(error)) return;
  const wire = toWire(error);
  useToasts.getState().add({ tone: 'bad', text: wire.message, error: wire });
}
