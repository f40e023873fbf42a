import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { SshConfigPreview } from '../../../shared/ipc/servers.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { tell } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Progress } from '../../ui/parts.tsx';
import css from './servers.module.css';

type Step = 'sshConfig.preview' | 'sshConfig.export' | 'sshConfig.include' | 'sshConfig.undoInclude';

/** One file with every guest and server, and the one line that makes ssh read it. */
export function SshConfigDialog() {
  const [preview, setPreview] = useState<SshConfigPreview | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(true);
  const run = async (name: Step, said?: string) => {
    setBusy(true);
    setError(null);
    try {
      setPreview(await call(name));
      if (said) tell(said);
    } catch (cause) {
      setError(toWire(cause));
    }
    setBusy(false);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked for once
  useEffect(() => void run('sshConfig.preview'), []);
  const close = () => useUi.getState().close();
  const setUp = async () => {
    await run('sshConfig.export');
    await run('sshConfig.include', 'ssh knows your guests and servers by name now');
  };
  return (
    <Dialog
      title="OpenSSH configuration"
      width={620}
      onClose={close}
      foot={
        <>
          <Button onPress={close}>Close</Button>
          {preview?.included && (
            <Button
              isDisabled={busy}
              onPress={() => void run('sshConfig.undoInclude', 'The line is out of ~/.ssh/config again')}
            >
              Take the line out again
            </Button>
          )}
          {preview && !preview.included && (
            <Button
              isDisabled={busy || preview.upToDate}
              onPress={() => void run('sshConfig.export', 'Written')}
            >
              {preview.upToDate ? 'The file is up to date' : 'Only write the file'}
            </Button>
          )}
          {preview && (!preview.included || !preview.upToDate) && (
            <Button
              look="primary"
              autoFocus
              isDisabled={busy}
              onPress={() => void (preview.included ? run('sshConfig.export', 'Written') : setUp())}
            >
              {preview.included ? 'Write the file again' : 'Write it and add the line'}
            </Button>
          )}
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {!preview && busy && <Progress fraction={null} label="Preparing" />}
      {preview && (
        <>
          <p>
            With this line first in <span className="mono">~/.ssh/config</span>, ssh, scp, rsync and editors
            reach your guests and servers by name. Nothing else in the file changes.
          </p>
          <p>
            <CopyText text={preview.includeLine} label="line" write={writeClipboard} wrap />
          </p>
          <p className="muted">
            {preview.included ? 'The line stands there, first.' : 'The line is not there yet.'}
          </p>
          {preview.warnings.length > 0 && (
            <ul className={`${css.warnings} ${panes.note}`}>
              {preview.warnings.map((one) => (
                <li key={one.alias}>
                  <b>{one.alias}</b>: {one.why}
                </li>
              ))}
            </ul>
          )}
          {preview.refused.length > 0 && (
            <ul className={`${css.warnings} muted`}>
              {preview.refused.map((one) => (
                <li key={one.name}>
                  Left out: {one.name}. {one.why}
                </li>
              ))}
            </ul>
          )}
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard */}
          <pre className={`${css.preview} selectable`} tabIndex={0}>
            {preview.text}
          </pre>
        </>
      )}
    </Dialog>
  );
}
