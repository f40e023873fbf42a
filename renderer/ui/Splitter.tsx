import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { cx } from './cx.ts';
import css from './overlays.module.css';

/**
 * The line between two panes, dragged or moved with the arrow keys. The pane it sizes stands after it (right of, or
 * below), so dragging towards the start makes it larger. Sizes in pixels.
 */
export function Splitter({
  label,
  direction,
  size,
  min,
  max,
  onChange,
}: {
  label: string;
  /** Of the line. */
  direction: 'vertical' | 'horizontal';
  size: number;
  min: number;
  max: number;
  onChange: (size: number) => void;
}) {
  const [from, setFrom] = useState<{ at: number; size: number } | null>(null);
  const clamp = (wish: number) => Math.round(Math.min(Math.max(wish, min), Math.max(min, max)));
  const place = (event: PointerEvent) => (direction === 'vertical' ? event.clientX : event.clientY);
  const onKeyDown = (event: KeyboardEvent) => {
    const larger = direction === 'vertical' ? 'ArrowLeft' : 'ArrowUp';
    const smaller = direction === 'vertical' ? 'ArrowRight' : 'ArrowDown';
    if (event.key !== larger && event.key !== smaller) return;
    event.preventDefault();
    onChange(clamp(size + (event.key === larger ? 16 : -16)));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: <hr> cannot be a focusable window splitter
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={direction}
      aria-valuenow={size}
      aria-valuemin={min}
      aria-valuemax={Math.max(min, max)}
      className={cx(css.splitter, css[direction])}
      data-dragging={from ? '' : undefined}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setFrom({ at: place(event), size });
      }}
      onPointerMove={(event) => from && onChange(clamp(from.size + from.at - place(event)))}
      onPointerUp={() => setFrom(null)}
      onPointerCancel={() => setFrom(null)}
    />
  );
}
