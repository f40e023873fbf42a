import { ChevronRight } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { cx } from './cx.ts';
import css from './panes.module.css';

/** What most people need not read, folded away. */
export function Disclosure({
  title,
  children,
  startsOpen = false,
  strong = false,
}: {
  title: ReactNode;
  children: ReactNode;
  startsOpen?: boolean;
  strong?: boolean;
}) {
  const [open, setOpen] = useState(startsOpen);
  return (
    <div className={css.disclosure}>
      <button
        type="button"
        className={cx(css.more, strong && css.strong)}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <ChevronRight size={16} aria-hidden="true" />
        {title}
      </button>
      {open && children}
    </div>
  );
}
