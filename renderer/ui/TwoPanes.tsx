import { ArrowLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from './Button.tsx';
import { cx } from './cx.ts';
import { narrowQuery, useMedia } from './media.ts';
import css from './panes.module.css';
import { Splitter } from './Splitter.tsx';

/** A list beside the details of one thing; below 1000 px the details are a page of their own. */
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
  onBack,
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
  onBack: () => void;
  testId: string;
}) {
  const narrow = useMedia(narrowQuery);
  const whole = narrow && open && title !== null;
  const pane = (
    <section
      className={cx(css.details, whole && css.whole)}
      style={whole ? undefined : { width }}
      aria-label={label}
      data-pane="details"
      data-testid={testId}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && whole && !event.defaultPrevented) onBack();
      }}
    >
      {title !== null && (
        <header className={css.title}>
          {whole && <IconButton icon={<ArrowLeft size={16} />} label="Back to the list" onPress={onBack} />}
          <h2 title={title}>{title}</h2>
          {mark}
        </header>
      )}
      {details}
    </section>
  );
  if (whole)
    return (
      <div className={css.page}>
        <h1 className="sr-only">{page}</h1>
        {pane}
      </div>
    );
  return (
    <div className={css.page}>
      <div className={css.listPane} data-pane="list">
        {list}
      </div>
      {!narrow && (
        <>
          <Splitter
            label="Width of the details"
            direction="vertical"
            size={width}
            min={300}
            max={Math.max(320, window.innerWidth - 720)}
            onChange={onWidth}
          />
          {pane}
        </>
      )}
    </div>
  );
}
