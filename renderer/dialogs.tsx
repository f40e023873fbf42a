import { writeClipboard } from './bridge/clipboard.ts';
import { CreateDialog } from './features/create/CreateDialog.tsx';
import {
  DeleteDialog,
  DiscardSavedDialog,
  ForceOffDialog,
  LabelsDialog,
  RenameDialog,
  ResetDialog,
  ShutdownTimeoutDialog,
} from './features/guests/GuestDialogs.tsx';
import { Palette } from './features/palette/Palette.tsx';
import { SettingsDialog } from './features/settings/SettingsDialog.tsx';
import { useUi } from './stores/ui.ts';
import { Button } from './ui/Button.tsx';
import { Dialog } from './ui/Dialog.tsx';
import { ErrorNote } from './ui/ErrorNote.tsx';

/** The one dialog that is open. */
export function OpenDialog() {
  const dialog = useUi((state) => state.dialog);
  const close = useUi((state) => state.close);
  switch (dialog?.kind) {
    case undefined:
      return null;
    case 'palette':
      return <Palette />;
    case 'settings':
      return <SettingsDialog />;
    case 'new-guest':
      return <CreateDialog />;
    case 'rename':
      return <RenameDialog id={dialog.id} />;
    case 'labels':
      return <LabelsDialog id={dialog.id} />;
    case 'delete':
      return <DeleteDialog ids={dialog.ids} />;
    case 'force-off':
      return <ForceOffDialog ids={dialog.ids} />;
    case 'reset':
      return <ResetDialog ids={dialog.ids} />;
    case 'discard-saved':
      return <DiscardSavedDialog ids={dialog.ids} />;
    case 'shutdown-timeout':
      return <ShutdownTimeoutDialog id={dialog.id} />;
    case 'error':
      return (
        <Dialog
          title="What went wrong"
          onClose={close}
          foot={
            <Button look="primary" onPress={close} autoFocus>
              Close
            </Button>
          }
        >
          <ErrorNote error={dialog.error} write={writeClipboard} />
        </Dialog>
      );
  }
}
