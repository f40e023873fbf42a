import { CircleAlert, CircleCheck, Info, X } from 'lucide-react';
import type { WireError } from '../../shared/errors.ts';
import { Button, IconButton } from './Button.tsx';
import { cx } from './cx.ts';
import css from './overlays.module.css';
import { testIds } from './testids.ts';

export interface ToastView {
  readonly id: number;
  readonly tone: 'good' | 'plain' | 'bad';
  readonly text: string;
  readonly error?: WireError;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const icons = {
  good: <CircleCheck size={16} aria-hidden="true" />,
  plain: <Info size={16} aria-hidden="true" />,
  bad: <CircleAlert size={16} aria-hidden="true" />,
};

/**
 * Outcomes, at the lower right, `bottom` pixels above the edge so that they never cover the dock. Null, while a dialog is
 * open: over the title bar, which is at rest then, and not over the dialog's buttons.
 */
export function Toasts({
  toasts,
  bottom,
  onClose,
  onShow,
}: {
  toasts: readonly ToastView[];
  bottom: number | null;
  onClose: (id: number) => void;
  onShow: (error: WireError) => void;
}) {
  return (
    <section
      aria-label="Notifications"
      className={css.toasts}
      style={bottom === null ? { top: 4 } : { bottom }}
    >
      {toasts.map((toast) => (
        <div
          key={toast.id}
          className={cx(css.toast, css[toast.tone])}
          role={toast.tone === 'bad' ? 'alert' : 'status'}
          data-testid={testIds.toast}
        >
          {icons[toast.tone]}
          <div className={css.toastText}>
            <span>{toast.text}</span>
            {toast.error?.why && <span className={css.why}>{toast.error.why}</span>}
          </div>
          {toast.action && (
            <Button
              size="small"
              onPress={() => {
                toast.action?.run();
                onClose(toast.id);
              }}
            >
              {toast.action.label}
            </Button>
          )}
          {toast.error && (toast.error.todo || toast.error.detail) && (
            <Button
              size="small"
              onPress={() => {
                if (toast.error) onShow(toast.error);
                onClose(toast.id);
              }}
            >
              Details
            </Button>
          )}
          <IconButton size="small" icon={<X size={14} />} label="Dismiss" onPress={() => onClose(toast.id)} />
        </div>
      ))}
    </section>
  );
}
