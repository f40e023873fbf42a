import { Monitor, MonitorOff } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { type Guest, guestStateWords } from '../../../../shared/model/guest.ts';
import { shell } from '../../../bridge/call.ts';
import { writeClipboard } from '../../../bridge/clipboard.ts';
import { allows } from '../../../stores/guest-actions.ts';
import { runGuestAction } from '../../../stores/guest-run.ts';
import { tellError } from '../../../stores/toasts.ts';
import { Button } from '../../../ui/Button.tsx';
import { cx } from '../../../ui/cx.ts';
import { ErrorNote } from '../../../ui/ErrorNote.tsx';
import { Empty, Progress } from '../../../ui/parts.tsx';
import { testIds } from '../../../ui/testids.ts';
import { ScreenTools } from './ScreenTools.tsx';
import css from './screen.module.css';
import { type ScreenSize, useScreen } from './use-screen.ts';
import { useTyping } from './use-typing.ts';

/** A guest's screen with its tools; says what is the matter while there is none. Fills its parent. */
export function GuestScreen({
  guest,
  shown,
  focus,
  own = false,
}: {
  guest: Guest;
  /** Only what is seen is joined: an unseen screen costs the guest's QEMU nothing. */
  shown: boolean;
  /** Grows when the focus shall come here. */
  focus: number;
  /** It is in a window of its own. */
  own?: boolean;
}) {
  const [size, setSize] = useState<ScreenSize>('fit');
  const [full, setFull] = useState(false);
  const tools = useRef<HTMLDivElement>(null);
  const { box, state, retry } = useScreen(guest, shown, size, () => tools.current?.focus());
  const typing = useTyping(state.rfb);
  const { rfb, status } = state;

  useEffect(() => {
    if (focus > 0 && shown) rfb?.focus();
  }, [rfb, focus, shown]);

  const toFull = (on: boolean) => {
    setFull(on);
    shell('shell.fullScreen', { on }).catch(tellError);
    if (on) rfb?.focus();
  };
  // A screen that goes away takes the full screen with it.
  const live = status === 'open';
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the loss of the screen counts
  useEffect(() => {
    if (!live && full) toFull(false);
  }, [live]);

  return (
    <div className={cx(css.view, full && css.full)} data-screen={guest.name} data-status={status}>
      {!(full && state.typing) && (
        <ScreenTools
          ref={tools}
          guest={guest}
          state={state}
          typing={typing}
          size={size}
          onSize={setSize}
          full={full}
          onFull={toFull}
          own={own}
        />
      )}
      <div className={css.stage}>
        <div
          ref={box}
          className={css.picture}
          hidden={!live}
          data-testid={testIds.screen}
          data-typing={state.typing ? '' : undefined}
        />
        {full && state.typing && (
          <p className={css.leave}>Press Ctrl+Alt to get the keys and the tools back</p>
        )}
        {!live && <Absent guest={guest} status={status} error={state.error} retry={retry} />}
      </div>
    </div>
  );
}

/** Why there is no picture, and the next step. */
function Absent({
  guest,
  status,
  error,
  retry,
}: {
  guest: Guest;
  status: 'off' | 'joining' | 'open' | 'none' | 'failed';
  error: Parameters<typeof ErrorNote>[0]['error'] | null;
  retry: () => void;
}) {
  if (status === 'none')
    return (
      <Empty
        title={`${guest.name} has no screen`}
        icon={<MonitorOff size={24} aria-hidden="true" />}
        action={
          <Button look="primary" onPress={() => runGuestAction('console', [guest])}>
            Open its serial console
          </Button>
        }
      >
        It has no display in its hardware. A paravirtual guest talks by its serial console.
      </Empty>
    );
  if (status === 'failed' && error)
    return (
      <div className={css.failed}>
        <ErrorNote error={error} write={writeClipboard} />
        <Button onPress={retry}>Try again</Button>
      </div>
    );
  if (guest.pid !== null || guest.state === 'starting' || guest.state === 'restoring')
    return (
      <div className={css.joining} role="status">
        <p>{guest.pid === null ? `${guest.name} is starting…` : `Joining the screen of ${guest.name}…`}</p>
        <Progress fraction={null} label="Joining the screen" />
      </div>
    );
  const { word, meaning } = guestStateWords[guest.state];
  return (
    <Empty
      title={guest.state === 'off' ? `${guest.name} is off` : `${guest.name}: ${word}`}
      icon={<Monitor size={24} aria-hidden="true" />}
      action={
        allows(guest.state, 'start') && (
          <Button look="primary" data-testid="screen-start" onPress={() => runGuestAction('start', [guest])}>
            {guest.state === 'saved' ? 'Resume' : 'Start'}
          </Button>
        )
      }
    >
      {guest.state === 'off' ? 'Its screen shows here as soon as it runs.' : meaning}
    </Empty>
  );
}
