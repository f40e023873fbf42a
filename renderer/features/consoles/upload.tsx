import { type DragEvent, useRef, useState } from 'react';
import type { Terminal } from '../../../shared/model/terminal.ts';
import { call } from '../../bridge/call.ts';
import { pathForFile } from '../../bridge/files.ts';
import { hostNameOf } from '../../stores/servers.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { TextField } from '../../ui/Field.tsx';
import { counted } from '../../ui/format.ts';
import css from './consoles.module.css';

const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');

/** Files dropped on a console, until it is settled what becomes of them. */
export function useDrop(able: boolean) {
  const [over, setOver] = useState(false);
  const [files, setFiles] = useState<readonly string[] | null>(null);
  const depth = useRef(0);
  const leave = () => {
    depth.current = 0;
    setOver(false);
  };
  return {
    over,
    files,
    done: () => setFiles(null),
    handlers: able
      ? {
          onDragEnter: (event: DragEvent) => {
            if (!hasFiles(event)) return;
            depth.current++;
            setOver(true);
          },
          onDragOver: (event: DragEvent) => {
            if (!hasFiles(event)) return;
            event.preventDefault();
            event.dataTransfer.dropEffect = 'copy';
          },
          onDragLeave: () => {
            if (--depth.current <= 0) leave();
          },
          onDrop: (event: DragEvent) => {
            if (!hasFiles(event)) return;
            event.preventDefault();
            leave();
            const paths = [...event.dataTransfer.files].flatMap((file) => pathForFile(file) ?? []);
            if (paths.length > 0) setFiles(paths);
          },
        }
      : {},
  };
}

const nameOf = (file: string) => file.slice(file.lastIndexOf('/') + 1);

/** Where to, and then it goes on as an operation, with progress and cancel where all others are. */
export function UploadDialog({
  terminal,
  files,
  onClose,
}: {
  terminal: Terminal;
  files: readonly string[];
  onClose: () => void;
}) {
  const [folder, setFolder] = useState('');
  const where = terminal.subject === null ? terminal.title : hostNameOf(terminal.subject);
  const what = files.length === 1 ? nameOf(files[0]!) : counted(files.length, 'file');
  const send = async () => {
    onClose();
    if (terminal.subject === null) return;
    await call('ssh.upload', { target: terminal.subject, files: [...files], folder: folder.trim() });
    tell(`Copying ${what} to ${where}. Progress stands under Operations.`);
  };
  return (
    <Dialog
      title={`Copy ${what} to ${where}?`}
      onClose={onClose}
      onSubmit={() => void send().catch(tellError)}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" type="submit">
            Copy
          </Button>
        </>
      }
    >
      <ul className={`${css.pasted} mono selectable`}>
        {files.map((file) => (
          <li key={file}>{file}</li>
        ))}
      </ul>
      <TextField
        label="Folder there"
        value={folder}
        onChange={setFolder}
        placeholder="the login folder"
        hint="Files of the same name are replaced."
        mono
        autoFocus
      />
    </Dialog>
  );
}
