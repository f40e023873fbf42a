import { useEffect, useState } from 'react';
import type { Settings } from '../../../shared/model/settings.ts';
import { call, shell } from '../../bridge/call.ts';
import { useConnection } from '../../stores/connection.ts';
import { useSettings } from '../../stores/settings.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox, Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { NumberField } from '../../ui/Field.tsx';
import { testIds } from '../../ui/testids.ts';

const change = (patch: Partial<Settings>) => void call('settings.set', patch).catch(tellError);

/** Each change is in force at once. */
export function SettingsDialog() {
  const settings = useSettings((state) => state.settings);
  const connection = useConnection((state) => state.connection);
  const [runtime, setRuntime] = useState('');
  useEffect(() => {
    shell('shell.info').then(
      ({ electron, chrome }) => setRuntime(`Electron ${electron}, Chromium ${chrome}`),
      () => {},
    );
  }, []);
  const close = () => useUi.getState().close();
  return (
    <Dialog
      title="Settings"
      onClose={close}
      testId={testIds.settingsDialog}
      foot={
        <>
          <span className="muted">
            {connection.status === 'ready' && `Guesthouse ${connection.version}`}
            {runtime && <small style={{ display: 'block' }}>{runtime}</small>}
          </span>
          <Button onPress={() => useUi.getState().open({ kind: 'keyboard' })}>Keyboard…</Button>
          <Button look="primary" onPress={close}>
            Close
          </Button>
        </>
      }
    >
      <Choice
        label="Theme"
        value={settings.theme}
        onChange={(theme) => change({ theme })}
        options={[
          { id: 'system', label: 'As the system' },
          { id: 'light', label: 'Light' },
          { id: 'dark', label: 'Dark' },
        ]}
      />
      <NumberField
        label="Font size of consoles, pixels"
        value={settings.consoleFontSize}
        onChange={(consoleFontSize) => change({ consoleFontSize })}
        min={8}
        max={32}
        hint="Also Ctrl+Plus and Ctrl+Minus in a console."
      />
      <NumberField
        label="Wait for a guest to shut down, seconds"
        value={settings.shutdownDeadline}
        onChange={(shutdownDeadline) => change({ shutdownDeadline })}
        min={5}
        max={3600}
        hint="After that you are asked whether to force it off."
      />
      <Checkbox
        checked={settings.osc52}
        onChange={(osc52) => change({ osc52 })}
        hint="OSC 52. They can never read it."
      >
        Let programs in consoles write the clipboard
      </Checkbox>
    </Dialog>
  );
}
