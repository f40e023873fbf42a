import { Check, Copy } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Button as AriaButton } from 'react-aria-components';
import { type GuestState, guestStateWords } from '../../shared/model/guest.ts';
import css from './controls.module.css';
import { cx } from './cx.ts';

/** A dot and a word: state is never colour alone. */
export function Dot({
  tone,
  word,
  ...rest
}: {
  tone: 'running' | 'waiting' | 'failed' | 'off';
  word: string;
  title?: string;
  'data-testid'?: string;
}) {
  return (
    <span className={css.state} {...rest}>
      <span className={cx(css.dot, css[tone])} aria-hidden="true" />
      <span>{word}</span>
    </span>
  );
}

export function StateDot({ state, ...rest }: { state: GuestState; 'data-testid'?: string }) {
  const { word, tone } = guestStateWords[state];
  return <Dot tone={tone} word={word} {...rest} />;
}

export function Tag({ children }: { children: ReactNode }) {
  return <span className={css.tag}>{children}</span>;
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className={css.kbd}>{children}</kbd>;
}

/** Monospaced text that can be selected, with a copy button on hover. `write` puts text on the clipboard. */
export function CopyText({
  text,
  write,
  label,
  wrap = false,
}: {
  text: string;
  write: (text: string) => Promise<void>;
  /** What it is, for the button: "Copy UUID". */
  label: string;
  wrap?: boolean;
}) {
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    await write(text);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 1500);
  };
  return (
    <span className={cx(css.copy, wrap && css.wrap)}>
      <span className="mono selectable" title={wrap ? undefined : text}>
        {text}
      </span>
      <AriaButton
        className={cx(css.button, css.icon, css.small, css.quiet)}
        aria-label={copied ? 'Copied' : `Copy ${label}`}
        onPress={() => void copy()}
      >
        {copied ? <Check size={14} /> : <Copy size={14} />}
      </AriaButton>
    </span>
  );
}

/** `fraction` null: how far is not known. */
export function Progress({ fraction, label }: { fraction: number | null; label: string }) {
  const percent = fraction === null ? undefined : Math.round(fraction * 100);
  return (
    <div
      className={cx(css.progress, fraction === null && css.unknown)}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div style={percent === undefined ? undefined : { width: `${percent}%` }} />
    </div>
  );
}

/** A line of the last values, `max` at the top edge. Decorative: the number stands beside it. */
export function Sparkline({
  values,
  max,
  width = 48,
  height = 16,
  slots = 30,
}: {
  values: readonly number[];
  /** Top of the scale; the largest value when that is larger. */
  max: number;
  width?: number;
  height?: number;
  /** How many values the width stands for: a short history starts at the right edge. */
  slots?: number;
}) {
  const shown = values.slice(-slots);
  const top = Math.max(max, ...shown) || 1;
  const step = width / (slots - 1);
  const points = shown.map((value, index) => {
    const x = width - (shown.length - 1 - index) * step;
    const y = height - 1 - (Math.max(0, value) / top) * (height - 2);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const first = points[0]?.split(',')[0];
  return (
    <svg className={css.sparkline} width={width} height={height} aria-hidden="true">
      {points.length > 1 && (
        <>
          <polygon
            points={`${first},${height} ${points.join(' ')} ${width},${height}`}
            fill="var(--accent)"
            opacity="0.14"
          />
          <polyline points={points.join(' ')} fill="none" stroke="var(--accent)" strokeWidth="1.25" />
        </>
      )}
    </svg>
  );
}

/** What an empty view says: what the thing is, and the first step. */
export function Empty({
  title,
  children,
  action,
  icon,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  icon?: ReactNode;
}) {
  return (
    <div className={css.empty}>
      {icon}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}
