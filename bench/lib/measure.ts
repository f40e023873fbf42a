/** What a bench hands back: lines for people, and every number behind them. */
export interface BenchResult {
  readonly lines: readonly BenchLine[];
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface BenchLine {
  readonly text: string;
  /** Whether an aim was met; undefined where there is none. */
  readonly ok?: boolean;
}

export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly p25: number;
  readonly p75: number;
  readonly p95: number;
  readonly min: number;
  readonly max: number;
}

/** Quantile by linear interpolation between the nearest ranks; `q` from 0 to 1. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError('A quantile of nothing.');
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - Math.floor(at));
}

export function summarize(samples: readonly number[]): Summary {
  return {
    n: samples.length,
    median: quantile(samples, 0.5),
    p25: quantile(samples, 0.25),
    p75: quantile(samples, 0.75),
    p95: quantile(samples, 0.95),
    min: quantile(samples, 0),
    max: quantile(samples, 1),
  };
}

/** `median 1.42 s (p25 1.40, p75 1.47, 10 runs)`. */
export function describeSamples(samples: readonly number[], unit: string, digits = 2): string {
  const { n, median, p25, p75 } = summarize(samples);
  return `median ${median.toFixed(digits)} ${unit} (p25 ${p25.toFixed(digits)}, p75 ${p75.toFixed(digits)}, ${n} runs)`;
}

/**
 * Measures things against each other: one run of each, in turn, so that a slow minute of the machine falls on all of
 * them; the order within a round alternates. The first round warms up and does not count.
 *
 * @param runs what to run; each returns its own measure (seconds, MiB, whatever it measures)
 * @param rounds counted rounds, at least 10 for a median worth printing
 */
export async function interleave<Name extends string>(
  runs: Readonly<Record<Name, () => Promise<number>>>,
  rounds = 10,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(runs) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round += 1) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order) {
      const value = await runs[name]();
      if (round > 0) samples[name].push(value);
      process.stderr.write(
        `  ${round}/${rounds} ${name}: ${value.toFixed(3)}${round === 0 ? ' (warm-up)' : ''}\n`,
      );
    }
  }
  return samples;
}

/** How many times `a` took of `b`, pair by pair: what slowed both down falls out. */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => value / b[index]!);
}

/** Seconds a job takes, by the monotonic clock. */
export async function timed(job: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await job();
  return (performance.now() - from) / 1000;
}
