import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button, IconButton } from './Button.tsx';
import { cx } from './cx.ts';
import { narrowQuery, useMedia } from './media.ts';
import css from './panes.module.css';
import { Splitter } from './Splitter.tsx';

/**
 * A list beside the details of one thing; below 1000 px the details are a page of their own. When a window is made
 * narrow, the pane that was last used is the one that stays: what a person typed there, or a dialog it opened, is not
 * taken away.
 */
export function TwoPanes({
  page,
  list,
  title,
  mark,
  details,
  label,
  width,
  onWidth,
  open,
  onOpen,
  bar,
  testId,
}: {
  /** What the page is called: the list says it itself, the details alone do not. */
  page: string;
  list: ReactNode;
  /** Of what is shown in the details; null: nothing is chosen. */
  title: string | null;
  /** Beside the title. */
  mark?: ReactNode;
  details: ReactNode;
  /** What the details are about, for screen readers. */
  label: string;
  /** Pixels of the details. */
  width: number;
  onWidth: (width: number) => void;
  /** On a narrow window: the details are the page shown. */
  open: boolean;
  onOpen: (open: boolean) => void;
  /** Below the list on a narrow window, in place of the chosen one's name and the way to its details. */
  bar?: ReactNode;
  testId: string;
}) {
  const narrow = useMedia(narrowQuery);
  const whole = narrow && open && title !== null;
  return (
    <div className={css.page}>
      {whole ? (
        <h1 className="sr-only">{page}</h1>
      ) : (
        // biome-ignore lint/a11y/noStaticElementInteractions: nothing to press, it only hears of what is used in it
        <div
          key="list"
          className={css.listPane}
          data-pane="list"
          onFocus={({ currentTarget, relatedTarget }) => {
            // From elsewhere in the page; a window that is looked at again gives focus too, and means nothing by it.
            if (open && relatedTarget && !currentTarget.contains(relatedTarget)) onOpen(false);
          }}
        >
          {list}
          {narrow &&
            title !== null &&
            (bar ?? (
              <div className={css.chosen}>
                <span>{title}</span>
                <Button size="small" look="primary" onPress={() => onOpen(true)}>
                  Details
                </Button>
              </div>
            ))}
        </div>
      )}
      {!narrow && (
        <Splitter
          key="line"
          label="Width of the details"
          direction="vertical"
          size={width}
          min={300}
          max={Math.max(320, window.innerWidth - 720)}
          onChange={onWidth}
        />
      )}
      {(!narrow || whole) && (
        <section
          // The same one in both layouts: it keeps what is typed in it.
          key="details"
          className={cx(css.details, whole && css.whole)}
          style={whole ? undefined : { width }}
          aria-label={label}
          data-pane="details"
          data-testid={testId}
          tabIndex={-1}
          // Of dialogs and menus too: React passes on the focus of what a pane opened, wherever it stands.
          onFocus={() => open || onOpen(true)}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && whole && !event.defaultPrevented) onOpen(false);
          }}
        >
          {title !== null && (
            <header className={css.title}>
              {whole && (
                <IconButton
                  icon={<ArrowLeft size={16} />}
                  label="Back to the list"
                  onPress={() => onOpen(false)}
                />
              )}
              <h2 title={title}>{title}</h2>
              {mark}
            </header>
          )}
          {details}
        </section>
      )}
    </div>
  );
}
