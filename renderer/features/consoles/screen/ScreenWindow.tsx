import { MonitorOff } from 'lucide-react';
import { useEffect } from 'react';
import { useConnection } from '../../../stores/connection.ts';
import { useGuests } from '../../../stores/guests.ts';
import { useSettings } from '../../../stores/settings.ts';
import { useToasts } from '../../../stores/toasts.ts';
import { useUi } from '../../../stores/ui.ts';
import { Empty } from '../../../ui/parts.tsx';
import { Toasts } from '../../../ui/Toasts.tsx';
import { testIds } from '../../../ui/testids.ts';
import { applyTheme } from '../../../ui/theme.ts';
import { GuestScreen } from './GuestScreen.tsx';
import css from './screen.module.css';

/** A window that holds one guest's screen and nothing else. */
export function ScreenWindow({ id }: { id: string }) {
  const loaded = useConnection((state) => state.loaded);
  const guest = useGuests((state) => state.byId[id]);
  const theme = useSettings((state) => state.settings.theme);
  const { toasts, close } = useToasts();
  useEffect(() => applyTheme(theme), [theme]);
  useEffect(() => {
    document.title = guest ? `${guest.name} – Guesthouse` : 'Guesthouse';
  }, [guest]);
  return (
    <main className={css.window} data-testid={testIds.screenWindow}>
      <h1 className="sr-only">{guest ? `Screen of ${guest.name}` : 'Screen'}</h1>
      {guest && <GuestScreen guest={guest} shown focus={1} own />}
      {loaded && !guest && (
        <Empty title="This guest is gone" icon={<MonitorOff size={24} aria-hidden="true" />}>
          It was deleted. This window can be closed.
        </Empty>
      )}
      <Toasts
        toasts={toasts}
        bottom={16}
        onClose={close}
        onShow={(error) => useUi.getState().open({ kind: 'error', error })}
      />
    </main>
  );
}
