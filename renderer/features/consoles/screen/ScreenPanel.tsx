import { SquareArrowOutUpRight, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { ScreenConsole } from '../../../stores/consoles.ts';
import { closeConsole, ownTab } from '../../../stores/dock.ts';
import type { Rect } from '../../../stores/dock-layout.ts';
import { useGuests } from '../../../stores/guests.ts';
import { useUi } from '../../../stores/ui.ts';
import { IconButton } from '../../../ui/Button.tsx';
import consoles from '../consoles.module.css';
import { GuestScreen } from './GuestScreen.tsx';

/** A screen in the dock, beside terminals. */
export function ScreenPanel({
  screen,
  rect,
  front,
  framed,
  focus,
}: {
  screen: ScreenConsole;
  /** Where it lies in the dock; null: not in the tab that is shown. */
  rect: Rect | null;
  /** Has, or had last, the keyboard. */
  front: boolean;
  /** There are others beside it: it says whose it is. */
  framed: boolean;
  /** Grows when the focus shall come here. */
  focus: number;
}) {
  const guest = useGuests((state) => state.byId[screen.subject]);
  const shown = rect !== null;
  // The one in front alone takes the focus.
  const [mine, setMine] = useState(0);
  useEffect(() => {
    if (front && shown && focus > 0) setMine((count) => count + 1);
  }, [front, shown, focus]);
  if (!guest) return null;
  const percent = (part: number) => `${part * 100}%`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: no fieldset; and two consoles of one guest are no landmarks
    <div
      role="group"
      className={consoles.panel}
      style={
        rect
          ? {
              left: percent(rect.left),
              top: percent(rect.top),
              width: percent(rect.width),
              height: percent(rect.height),
            }
          : undefined
      }
      hidden={!shown}
      aria-label={`${screen.title}, screen`}
      data-front={front ? '' : undefined}
      onFocusCapture={() => {
        if (useUi.getState().activeTerminal !== screen.id)
          useUi.getState().set({ activeTerminal: screen.id });
      }}
    >
      {framed && (
        <div className={consoles.paneHead}>
          <span className={consoles.paneTitle}>{screen.title}, screen</span>
          <IconButton
            size="small"
            icon={<SquareArrowOutUpRight size={12} />}
            label="Give it a tab of its own"
            onPress={() => ownTab(screen.id)}
          />
          <IconButton
            size="small"
            icon={<X size={12} />}
            label={`Close the screen of ${screen.title}`}
            onPress={() => closeConsole(screen.id)}
          />
        </div>
      )}
      <GuestScreen guest={guest} shown={shown} focus={mine} />
    </div>
  );
}
