import { pathForFile } from '../bridge/files.ts';
import { useUi } from './ui.ts';

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

/**
 * Takes a file dropped anywhere on the window that wants none itself (a console takes them for upload) to the dialog
 * that makes guests. Returns how to stop.
 */
export function takeDrops(): () => void {
  const over = (event: DragEvent) => {
    if (event.defaultPrevented || !hasFiles(event) || !event.dataTransfer) return;
    event.preventDefault();
    const { dialog } = useUi.getState();
    event.dataTransfer.dropEffect = dialog === null || dialog.kind === 'new-guest' ? 'copy' : 'none';
  };
  const drop = (event: DragEvent) => {
    if (event.defaultPrevented || !hasFiles(event)) return;
    event.preventDefault();
    const { dialog, open } = useUi.getState();
    const [first] = event.dataTransfer?.files ?? [];
    const file = first ? pathForFile(first) : null;
    if (file !== null && (dialog === null || dialog.kind === 'new-guest')) open({ kind: 'new-guest', file });
  };
  window.addEventListener('dragover', over);
  window.addEventListener('drop', drop);
  return () => {
    window.removeEventListener('dragover', over);
    window.removeEventListener('drop', drop);
  };
}
