import { Fragment } from 'react';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Kbd } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './settings.module.css';

/** What the keyboard does, by where it does it. */
const groups: readonly { readonly title: string; readonly keys: readonly (readonly [string, string])[] }[] = [
  {
    title: 'Anywhere',
    keys: [
      ['Ctrl+K', 'Search or run a command; in a console Ctrl+Shift+P'],
      ['Ctrl+N', 'New guest'],
      ['Ctrl+F', 'Filter the guests'],
      ['Ctrl+J', 'Show or collapse the consoles; in one Ctrl+Shift+J'],
      ['F6, Shift+F6', 'To the next part of the window, or the one before'],
      ['Ctrl+,', 'Settings'],
      ['F1', 'This list'],
      ['F11', 'The whole screen'],
      ['Ctrl+Shift+W', 'Close the window; guests go on'],
    ],
  },
  { title: 'On a screen', keys: [['Ctrl+Alt', 'Take the keyboard back from the guest']] },
  {
    title: 'In the list of guests',
    keys: [
      ['Enter', 'Open the console'],
      ['F2', 'Rename'],
      ['Del', 'Delete, after a question'],
      ['Shift+↑ ↓', 'Select a range'],
      ['Ctrl+↑ ↓, Space', 'Move without selecting; select or not'],
      ['Ctrl+A, Esc', 'Select all, or none'],
      ['Shift+F10', 'All actions'],
    ],
  },
  {
    title: 'In a console',
    keys: [
      ['Ctrl+Shift+C, V', 'Copy, paste'],
      ['Ctrl+Shift+F', 'Search in it'],
      ['Ctrl+Shift+S', 'Save its text'],
      ['Ctrl+Shift+E, O', 'One more to the same machine: right, below'],
      ['Ctrl+Shift+arrows', 'To the console beside'],
      ['Ctrl+Shift+A', 'Type to all'],
      ['Ctrl++, -, 0', 'Larger, smaller, usual text'],
      ['Del', 'On its tab: close it'],
    ],
  },
];

export function KeysDialog() {
  const close = () => useUi.getState().close();
  return (
    <Dialog
      title="Keyboard"
      width={820}
      onClose={close}
      testId={testIds.keyboardDialog}
      foot={
        <Button look="primary" onPress={close} autoFocus>
          Close
        </Button>
      }
    >
      <div className={css.groups}>
        {groups.map(({ title, keys }) => (
          <section key={title} aria-label={title}>
            <h3>{title}</h3>
            <dl className={css.keys}>
              {keys.map(([key, does]) => (
                <Fragment key={key}>
                  <dt>
                    <Kbd>{key}</Kbd>
                  </dt>
                  <dd>{does}</dd>
                </Fragment>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
