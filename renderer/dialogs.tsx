import { writeClipboard } from './bridge/clipboard.ts';
import { CloneDialog } from './features/clone/CloneDialog.tsx';
import { CompareDialog } from './features/containers/CompareDialog.tsx';
import { HostsDialog } from './features/containers/HostsDialog.tsx';
import { ImagesDialog } from './features/containers/ImagesDialog.tsx';
import { LimitsDialog } from './features/containers/LimitsDialog.tsx';
import { NewContainerDialog } from './features/containers/NewContainerDialog.tsx';
import { RemoveContainerDialog } from './features/containers/RemoveContainerDialog.tsx';
import { CreateDialog } from './features/create/CreateDialog.tsx';
import {
  GroupLimitsDialog,
  GroupLogDialog,
  NewGroupDialog,
  RemoveGroupDialog,
  RenameGroupDialog,
} from './features/groups/GroupDialogs.tsx';
import {
  AddGuestDialog,
  MoveProcessDialog,
  StartApplicationDialog,
} from './features/groups/MemberDialogs.tsx';
import { ConsentDialog } from './features/guests/ConsentDialog.tsx';
import {
  DeleteDialog,
  DiscardSavedDialog,
  ForceOffDialog,
  LabelsDialog,
  RenameDialog,
  ResetDialog,
  ShutdownTimeoutDialog,
} from './features/guests/GuestDialogs.tsx';
import { XmlDialog } from './features/guests/XmlDialog.tsx';
import { IdentityRestoreDialog, RepairDialog } from './features/identity/RepairDialog.tsx';
import { CopyKeyDialog } from './features/keys/CopyKeyDialog.tsx';
import {
  EmptyKeyTrashDialog,
  ImportKeyDialog,
  KeyPassphraseDialog,
  RemoveKeyDialog,
} from './features/keys/KeyDialogs.tsx';
import { NewKeyDialog } from './features/keys/NewKeyDialog.tsx';
import { DeleteNetworkDialog, NetworkDialog, PlugDialog } from './features/networks/NetworkDialogs.tsx';
import { Palette } from './features/palette/Palette.tsx';
import { AccessDialog } from './features/servers/AccessDialog.tsx';
import { ImportServersDialog } from './features/servers/ImportServersDialog.tsx';
import { ForgetHostKeyDialog } from './features/servers/ServerDetails.tsx';
import { ServerDialog } from './features/servers/ServerDialog.tsx';
import { SshConfigDialog } from './features/servers/SshConfigDialog.tsx';
import { KeysDialog } from './features/settings/KeysDialog.tsx';
import { SettingsDialog } from './features/settings/SettingsDialog.tsx';
import { NewTemplateDialog } from './features/templates/NewTemplateDialog.tsx';
import { SealDialog } from './features/templates/SealDialog.tsx';
import {
  TemplateDeleteDialog,
  TemplateLabelsDialog,
  TemplateRenameDialog,
} from './features/templates/TemplateDialogs.tsx';
import { TemplateXmlDialog } from './features/templates/TemplateXmlDialog.tsx';
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
    case 'keyboard':
      return <KeysDialog />;
    case 'new-guest':
      return <CreateDialog key={dialog.file} source={dialog.source} file={dialog.file} />;
    case 'rename':
      return <RenameDialog id={dialog.id} />;
    case 'xml':
      return <XmlDialog key={dialog.id} id={dialog.id} />;
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
    case 'clone':
      return <CloneDialog sources={dialog.sources} />;
    case 'seal':
      return <SealDialog id={dialog.id} />;
    case 'new-template':
      return <NewTemplateDialog />;
    case 'template-delete':
      return <TemplateDeleteDialog id={dialog.id} />;
    case 'template-xml':
      return <TemplateXmlDialog key={dialog.id} id={dialog.id} />;
    case 'template-rename':
      return <TemplateRenameDialog id={dialog.id} />;
    case 'template-labels':
      return <TemplateLabelsDialog id={dialog.id} />;
    case 'repair':
      return <RepairDialog ids={dialog.ids} />;
    case 'identity-restore':
      return <IdentityRestoreDialog id={dialog.id} />;
    case 'new-key':
      return <NewKeyDialog />;
    case 'import-key':
      return <ImportKeyDialog />;
    case 'key-passphrase':
      return <KeyPassphraseDialog id={dialog.id} />;
    case 'copy-key':
      return <CopyKeyDialog keyId={dialog.key} targets={dialog.targets} />;
    case 'remove-key':
      return <RemoveKeyDialog id={dialog.key} target={dialog.target} />;
    case 'empty-key-trash':
      return <EmptyKeyTrashDialog />;
    case 'server':
      return <ServerDialog key={dialog.id} id={dialog.id} />;
    case 'import-servers':
      return <ImportServersDialog />;
    case 'get-access':
      return <AccessDialog />;
    case 'ssh-config':
      return <SshConfigDialog />;
    case 'forget-host-key':
      return <ForgetHostKeyDialog id={dialog.id} />;
    case 'network':
      return <NetworkDialog key={dialog.name} name={dialog.name} />;
    case 'network-delete':
      return <DeleteNetworkDialog name={dialog.name} />;
    case 'network-plug':
      return <PlugDialog name={dialog.name} />;
    case 'group':
      return <NewGroupDialog parent={dialog.parent} />;
    case 'group-limits':
      return <GroupLimitsDialog id={dialog.id} />;
    case 'group-rename':
      return <RenameGroupDialog id={dialog.id} />;
    case 'group-remove':
      return <RemoveGroupDialog id={dialog.id} />;
    case 'group-guest':
      return <AddGuestDialog id={dialog.id} />;
    case 'group-start':
      return <StartApplicationDialog id={dialog.id} />;
    case 'group-process':
      return <MoveProcessDialog id={dialog.id} />;
    case 'group-log':
      return <GroupLogDialog id={dialog.id} member={dialog.member} />;
    case 'consent':
      return <ConsentDialog id={dialog.id} />;
    case 'new-container':
      return <NewContainerDialog host={dialog.host} />;
    case 'container-limits':
      return <LimitsDialog key={dialog.id} id={dialog.id} />;
    case 'container-remove':
      return <RemoveContainerDialog id={dialog.id} />;
    case 'container-hosts':
      return <HostsDialog />;
    case 'container-images':
      return <ImagesDialog host={dialog.host} />;
    case 'compare':
      return <CompareDialog id={dialog.id} />;
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
