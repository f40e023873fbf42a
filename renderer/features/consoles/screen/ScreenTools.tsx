import type RFB from '@novnc/novnc';
import {
  Camera,
  ChevronDown,
  ClipboardPaste,
  Keyboard,
  Maximize,
  Minimize,
  Scaling,
  SquareArrowOutUpRight,
} from 'lucide-react';
import type { Ref } from 'react';
import type { Guest } from '../../../../shared/model/guest.ts';
import { call, shell } from '../../../bridge/call.ts';
import { readClipboard, writeClipboard } from '../../../bridge/clipboard.ts';
import { savePicture } from '../../../bridge/files.ts';
import { closeScreenOf } from '../../../stores/consoles.ts';
import { useOperations } from '../../../stores/operations.ts';
import { tell, tellError } from '../../../stores/toasts.ts';
import { Button, IconButton } from '../../../ui/Button.tsx';
import { MenuButton } from '../../../ui/Menu.tsx';
import { testIds } from '../../../ui/testids.ts';
import { useAsked } from '../../../ui/use-asked.ts';
import { chords, press } from './keys.ts';
import css from './screen.module.css';
import type { ScreenSize, ScreenState } from './use-screen.ts';
import type { useTyping } from './use-typing.ts';

const sizes: readonly { readonly id: ScreenSize; readonly label: string }[] = [
  { id: 'fit', label: 'Fit into the view' },
  { id: 'actual', label: 'Actual size (1:1)' },
  { id: 'follow', label: 'Let the guest take the view’s size' },
];

async function photograph(guest: Guest): Promise<void> {
  const { png } = await call('guests.screenshot', { id: guest.id });
  const at = new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  const name = guest.name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80);
  const saved = await savePicture(`${name} ${at}.png`, png);
  if (saved) tell(`Saved as ${saved.path}`);
}

/** Focuses the picture once the menu that closes has given the focus back to its button. */
const backTo = (rfb: RFB) => void setTimeout(() => rfb.focus(), 120);

/** Whether the running guest's clipboard is tied to its screen's (null: not known yet), and the way to change it. */
function useClipboard(guest: Guest) {
  const edits = useOperations((state) =>
    state.all
      .filter((op) => op.subject === guest.id && op.kind.startsWith('hardware.'))
      .map((op) => `${op.id}${op.status}`)
      .join(),
  );
  const [asked] = useAsked(`${guest.id} ${guest.stateSince} ${edits}`, () =>
    call('hardware.view', { id: guest.id }),
  );
  const tied = asked.value?.running?.clipboard ?? null;
  const toggle = () =>
    void call('hardware.change', { id: guest.id, change: { do: 'clipboard', on: !tied } })
      .then(({ why }) => {
        if (why) tell(`At the next start: ${why}`);
      })
      .catch(tellError);
  return { tied, toggle };
}

/** What can be done with a screen, and whose the keys are. */
export function ScreenTools({
  guest,
  state,
  typing,
  size,
  onSize,
  full,
  onFull,
  own,
  ref,
}: {
  guest: Guest;
  state: ScreenState;
  typing: ReturnType<typeof useTyping>;
  size: ScreenSize;
  onSize: (size: ScreenSize) => void;
  full: boolean;
  onFull: (full: boolean) => void;
  own: boolean;
  ref: Ref<HTMLDivElement>;
}) {
  const { rfb, offered } = state;
  const off = rfb === null;
  const clipboard = useClipboard(guest);
  const popOut = () =>
    void shell('shell.openScreen', { id: guest.id, title: guest.name.slice(0, 200) })
      .then(() => closeScreenOf(guest.id))
      .catch(tellError);
  return (
    <div ref={ref} className={css.tools} role="toolbar" aria-label={`Screen of ${guest.name}`} tabIndex={-1}>
      <span className={css.hint} role="status" data-testid={testIds.screenHint}>
        {typing.progress
          ? `Typing ${typing.progress.done} of ${typing.progress.total}`
          : off
            ? ''
            : state.typing
              ? `Keys go to ${guest.name}. Ctrl+Alt gives them back.`
              : 'Click the picture to type into it.'}
      </span>
      {typing.progress && (
        <Button size="small" onPress={typing.stop}>
          Stop typing
        </Button>
      )}
      <MenuButton
        label="Send keys"
        button={
          <Button size="small" look="quiet" isDisabled={off} data-testid="screen-keys">
            <Keyboard size={14} aria-hidden="true" />
            Send keys
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        entries={chords.map(({ label, keys }, index) => ({
          id: label,
          label,
          apart: index === 1 || index === 7,
          run: () => {
            if (!rfb) return;
            press(rfb, keys);
            backTo(rfb);
          },
        }))}
      />
      <MenuButton
        label="Clipboard"
        button={
          <Button size="small" look="quiet" isDisabled={off} data-testid="screen-clipboard">
            <ClipboardPaste size={14} aria-hidden="true" />
            Clipboard
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        entries={[
          {
            id: 'type',
            label: 'Type its text into the guest (US keyboard)',
            testId: 'screen-type',
            run: () => void typing.type(),
          },
          {
            id: 'tie',
            label: clipboard.tied
              ? 'Untie the two clipboards'
              : 'Tie it to the guest’s clipboard (needs spice-vdagent inside)',
            apart: true,
            disabled: clipboard.tied === null,
            testId: 'screen-tie',
            run: clipboard.toggle,
          },
          {
            id: 'give',
            label: 'Put it on the guest’s clipboard',
            disabled: !clipboard.tied,
            run: () =>
              void readClipboard()
                .then((text) => rfb?.clipboardPasteFrom(text))
                .catch(tellError),
          },
          {
            id: 'take',
            label:
              offered === null && clipboard.tied
                ? 'The guest’s clipboard holds nothing'
                : 'Copy what the guest copied',
            disabled: offered === null || !clipboard.tied,
            run: () =>
              void writeClipboard(offered ?? '')
                .then(() => tell('The guest’s text is on the clipboard'))
                .catch(tellError),
          },
        ]}
      />
      <MenuButton
        label="Size"
        button={
          <Button size="small" look="quiet" isDisabled={off} data-testid="screen-size">
            <Scaling size={14} aria-hidden="true" />
            {size === 'actual' ? '1:1' : size === 'fit' ? 'Fit' : 'Follow'}
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
        entries={sizes.map(({ id, label }) => ({
          id,
          label: id === size ? `${label} ✓` : label,
          run: () => {
            onSize(id);
            if (rfb) backTo(rfb);
          },
        }))}
      />
      <IconButton
        size="small"
        icon={<Camera size={14} />}
        label="Save a picture of it…"
        isDisabled={off}
        data-testid="screen-photo"
        onPress={() => void photograph(guest).catch(tellError)}
      />
      {!own && !full && (
        <IconButton
          size="small"
          icon={<SquareArrowOutUpRight size={14} />}
          label="Move it into a window of its own"
          data-testid="screen-pop-out"
          onPress={popOut}
        />
      )}
      <IconButton
        size="small"
        icon={full ? <Minimize size={14} /> : <Maximize size={14} />}
        label={full ? 'Leave the full screen' : 'Full screen'}
        isDisabled={off && !full}
        data-testid="screen-full"
        onPress={() => onFull(!full)}
      />
    </div>
  );
}
