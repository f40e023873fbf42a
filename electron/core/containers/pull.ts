import type { OperationContext } from '../operations/runner.ts';
import type { Engine } from './engine.ts';

/** Fetches an image; what had arrived of one that fails half-way is kept by podman for the next try. */
export async function pull(engine: Engine, image: string, op: OperationContext): Promise<void> {
  op.phase('Asking the registry');
  const reader = pullReader();
  await engine.podman(['pull', '--', image], {
    signal: op.signal,
    onTerminal: true,
    onStderr: (text) => {
      const { layers, fraction, at } = reader(text);
      if (at === 'storing') op.phase('Storing the image');
      else if (at === 'config') op.phase('Fetching the configuration');
      else if (layers) op.phase(`Fetching ${layers === 1 ? '1 layer' : `${layers} layers`}`);
      if (fraction !== null) op.progress(fraction);
    },
  });
}

export interface PullState {
  /** Layers that were begun; podman tells of six at a time. */
  readonly layers: number;
  /** Of the bytes of those layers, never falling; null while no size was told. */
  readonly fraction: number | null;
  readonly at: 'layers' | 'config' | 'storing';
}

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const layerLine = /Copying blob (?:sha256:)?([0-9a-f]{12})[0-9a-f]*(.*)/;
const amounts = /([\d.]+) ?([KMGT]?)i?[bB] \/ ([\d.]+) ?([KMGT]?)i?[bB]/;

/**
 * Reads what `podman pull` writes piece by piece: on a terminal a bar for each layer, drawn again and again
 * (`Copying blob 013d9d018d36 [==>---] 312.7KiB / 625.5KiB`, then `done`), else only their names.
 */
export function pullReader(): (text: string) => PullState {
  const layers = new Map<string, { got: number; size: number }>();
  let rest = '';
  let fraction: number | null = null;
  let at: PullState['at'] = 'layers';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (/Writing manifest|Storing signatures/.test(line)) at = 'storing';
      else if (/Copying config/.test(line)) at = 'config';
      const [, id, tail = ''] = layerLine.exec(line) ?? [];
      if (id === undefined) continue;
      const { size } = layers.get(id) ?? { size: 0 };
      const [, got, gotUnit = '', whole, wholeUnit = ''] = amounts.exec(tail) ?? [];
      if (whole !== undefined)
        layers.set(id, { got: Number(got) * units[gotUnit]!, size: Number(whole) * units[wholeUnit]! });
      else layers.set(id, { got: /done|skipped/.test(tail) ? size : 0, size });
    }
    const sum = (key: 'got' | 'size') => [...layers.values()].reduce((all, one) => all + one[key], 0);
    if (sum('size') > 0) fraction = Math.max(fraction ?? 0, sum('got') / sum('size'));
    return { layers: layers.size, fraction, at };
  };
}
