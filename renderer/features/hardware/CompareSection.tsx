import { useState } from 'react';
import type { CompareResult, Comparison } from '../../../shared/model/hardware.ts';
import { call } from '../../bridge/call.ts';
import { useOperations } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { ago, bytes, counted, mebibytes } from '../../ui/format.ts';
import { testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import css from './hardware.module.css';
import { kindTitles } from './KindSection.tsx';
import { useBench } from './rows.tsx';

/** What each kind of hardware is worth to this guest on this computer, by booting copies of it. */
export function CompareSection() {
  const { guest } = useBench();
  // Text, since a new array at each look would draw without end.
  const runs = useOperations((state) =>
    state.all
      .filter((op) => op.kind === 'hardware.compare' && op.subject === guest.id)
      .map((op) => (op.endedAt === null ? 'under way' : `ended ${op.id}`))
      .join(),
  );
  const underWay = runs.includes('under way');
  const [asked] = useAsked(`${guest.id} ${runs}`, () => call('hardware.comparison', { id: guest.id }));
  const [starting, setStarting] = useState(false);
  const off = ['off', 'crashed', 'saved'].includes(guest.state);
  const start = async () => {
    setStarting(true);
    await call('hardware.compare', { id: guest.id }).catch(tellError);
    setStarting(false);
  };
  return (
    <div className={css.section} data-testid={testIds.compare}>
      <div className={css.line}>
        <h2>Compare the kinds</h2>
        <Button
          size="small"
          isDisabled={!off || underWay || starting}
          onPress={() => void start()}
          data-testid={testIds.compareStart}
        >
          {underWay ? 'Comparing…' : asked.value ? 'Compare again' : 'Compare'}
        </Button>
      </div>
      <p>
        {off || underWay
          ? 'Boots a throw-away copy in each kind and measures it. Takes a few minutes; the guest itself is not touched.'
          : 'Shut it down first: throw-away copies of its disk are booted.'}
      </p>
      {asked.value && <Chart comparison={asked.value} />}
    </div>
  );
}

interface Metric {
  readonly title: string;
  readonly hint: string;
  readonly of: (result: CompareResult) => number | null;
  readonly say: (value: number) => string;
  readonly less?: boolean;
}

const rate = (value: number) => `${bytes(value)}/s`;
const metrics: readonly Metric[] = [
  {
    title: 'Boot',
    hint: 'until SSH answers; less is better',
    of: ({ boot }) => boot,
    say: (value) => `${value.toFixed(1)} s`,
    less: true,
  },
  { title: 'Disk read', hint: 'past all caches', of: ({ diskRead }) => diskRead, say: rate },
  { title: 'Disk written', hint: 'past all caches', of: ({ diskWrite }) => diskWrite, say: rate },
  { title: 'Network out', hint: 'guest to this computer', of: ({ netOut }) => netOut, say: rate },
  { title: 'Network in', hint: 'this computer to guest', of: ({ netIn }) => netIn, say: rate },
];

function Chart({ comparison }: { comparison: Comparison }) {
  const { results, at, accelerator, vcpus, memory, busy } = comparison;
  return (
    <>
      <div className={css.chart} data-testid={testIds.compareChart}>
        {metrics.map((metric) => (
          <Bars key={metric.title} metric={metric} results={results} />
        ))}
      </div>
      {results.map(
        ({ kind, problem }) =>
          problem !== null && (
            <p key={kind} className={css.note}>
              {kindTitles[kind]}: {problem}
            </p>
          ),
      )}
      {busy && (
        <p className={css.note}>
          This computer had much else to do meanwhile. Compare again when it is quiet for numbers to go by.
        </p>
      )}
      <p className={css.note}>
        Measured {ago(at)} under {accelerator === 'kvm' ? 'KVM' : 'TCG, without KVM'}, with{' '}
        {counted(vcpus, 'processor')} and {mebibytes(memory)}. Full boots by its own boot loader, the others
        as the guest does.
      </p>
    </>
  );
}

function Bars({ metric, results }: { metric: Metric; results: readonly CompareResult[] }) {
  const values = results.map(metric.of).filter((value) => value !== null);
  if (values.length === 0) return null;
  const most = Math.max(...values);
  const best = metric.less ? Math.min(...values) : most;
  return (
    <div className={css.metric}>
      <h3>
        {metric.title} <span>{metric.hint}</span>
      </h3>
      {results.map((result) => {
        const value = metric.of(result);
        return (
          <div key={result.kind} className={cx(css.barRow, value === best && css.best)}>
            <span>{kindTitles[result.kind]}</span>
            <div className={css.track} aria-hidden="true">
              {value !== null && (
                <div
                  className={css.fill}
                  style={{ width: `${(value / most) * 100}%` }}
                  data-bar={result.kind}
                />
              )}
            </div>
            <span className={css.value}>{value === null ? 'not measured' : metric.say(value)}</span>
          </div>
        );
      })}
    </div>
  );
}
