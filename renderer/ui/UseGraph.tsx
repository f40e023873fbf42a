import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import css from './use-graph.module.css';

/** Seconds the width stands for. */
const span = 120;
const height = 64;

/** Use over the last two minutes, with its limit as a line across. A picture: the numbers stand above it in words. */
export function UseGraph({
  title,
  value,
  limit,
  note,
  times,
  values,
  top,
  testId,
}: {
  title: string;
  /** Now, for people. */
  value: string;
  /** "of 64 MB"; null: no limit. */
  limit: { readonly words: string; readonly value: number } | null;
  /** Beside the value: what met the limit. */
  note?: string | null;
  /** Milliseconds since the epoch. */
  times: readonly number[];
  values: readonly (number | null)[];
  /** Least top of the scale. */
  top: number;
  testId?: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const limitValue = limit?.value ?? null;
  const end = (times.at(-1) ?? 0) / 1000;
  const scales = useRef({ top: 1, from: 0, to: 1 });
  scales.current = {
    top: Math.max(top, (limitValue ?? 0) * 1.15, ...values.map((one) => one ?? 0)),
    from: end - span,
    to: end,
  };

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const color = (name: string) => getComputedStyle(element).getPropertyValue(name).trim();
    const made = new uPlot(
      {
        width: element.clientWidth || 200,
        height,
        padding: [2, 0, 2, 0],
        legend: { show: false },
        cursor: { show: false },
        axes: [{ show: false }, { show: false }],
        scales: {
          x: { time: false, range: () => [scales.current.from, scales.current.to] },
          // A little room below, so that a line at 0 is seen.
          y: { range: () => [-0.03 * scales.current.top, scales.current.top] },
        },
        series: [
          {},
          {
            stroke: () => color('--accent'),
            fill: () => `color-mix(in srgb, ${color('--accent')} 16%, transparent)`,
            width: 1.5,
            points: { show: false },
          },
          { stroke: () => color('--failed'), width: 1, dash: [4, 3], points: { show: false } },
        ],
      },
      [[], [], []],
      element,
    );
    plot.current = made;
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, []);

  useEffect(() => {
    const x = times.map((time) => time / 1000);
    // The line of the limit goes across the whole width, also when use has been counted for seconds only.
    const lead = x.length > 0 && x[0]! > end - span ? [end - span] : [];
    const all = [...lead, ...x];
    plot.current?.setData([all, [...lead.map(() => null), ...values], all.map(() => limitValue)]);
  }, [times, values, limitValue, end]);

  return (
    <section className={css.graph} data-testid={testId} aria-label={title}>
      <div className={css.head}>
        <span className="muted">{title}</span>
        <b>{value}</b>
        {limit && <span className="muted">{limit.words}</span>}
        {note && <span className={css.note}>{note}</span>}
      </div>
      <div ref={box} className={css.plot} aria-hidden="true" />
    </section>
  );
}
