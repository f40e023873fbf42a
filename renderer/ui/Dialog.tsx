import type { FormEvent, ReactNode } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { Button } from './Button.tsx';
import { cx } from './cx.ts';
import css from './overlays.module.css';
import { testIds } from './testids.ts';

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Buttons, left to right; the one that does it last. */
  foot?: ReactNode;
  /** Pixels. */
  width?: number;
  /** As high as the window lets it be; its content fills it. */
  tall?: boolean;
  alert?: boolean;
  testId?: string;
  onSubmit?: () => void;
}

/** A modal dialog: focus is held, Escape and a click beside it close it. */
export function Dialog({
  title,
  onClose,
  children,
  foot,
  width = 460,
  tall,
  alert,
  testId,
  onSubmit,
}: Props) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit?.();
  };
  const inner = (
    <>
      <div className={cx(css.body, tall && css.tallBody)}>{children}</div>
      {foot && <div className={css.foot}>{foot}</div>}
    </>
  );
  return (
    <ModalOverlay
      className={cx(css.veil, tall && css.tallVeil)}
      isOpen
      isDismissable={!alert}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
    >
      <Modal className={cx(css.modal, tall && css.tall)} style={{ maxWidth: width }}>
        <AriaDialog
          className={css.dialog}
          role={alert ? 'alertdialog' : 'dialog'}
          data-testid={testId ?? testIds.dialog}
        >
          <Heading slot="title" level={2} className={css.head}>
            {title}
          </Heading>
          {onSubmit ? (
            <form onSubmit={submit} style={{ display: 'contents' }}>
              {inner}
            </form>
          ) : (
            inner
          )}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** A question about something that loses data: names the loss, and its button names the act. */
export function Confirm({
  title,
  children,
  act,
  onAct,
  onClose,
  dangerous = true,
  busy = false,
}: {
  title: string;
  children: ReactNode;
  /** "Delete 3 guests", never "OK". */
  act: string;
  onAct: () => void;
  onClose: () => void;
  dangerous?: boolean;
  busy?: boolean;
}) {
  return (
    <Dialog
      title={title}
      alert
      onClose={onClose}
      foot={
        <>
          <Button onPress={onClose} autoFocus>
            Cancel
          </Button>
          <Button
            look={dangerous ? 'danger' : 'primary'}
            onPress={onAct}
            isDisabled={busy}
            data-testid={testIds.dialogConfirm}
          >
            {act}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  );
}
