import { describe, expect, it } from 'vitest';
import { describeSamples, interleave, quantile, summarize } from './measure.ts';

describe('quantile', () => {
  it('interpolates between neighbours and does not depend on the order', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
    expect(quantile([7], 0.95)).toBe(7);
  });
  it('refuses nothing', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('summarize', () => {
  it('sorts as numbers, not as text', () => {
    expect(summarize([9, 10, 100])).toMatchObject({ median: 10, min: 9, max: 100, n: 3 });
  });
  it('says the spread', () => {
    expect(describeSamples([1, 2, 3, 4, 5], 's', 1)).toBe('median 3.0 s (p25 2.0, p75 4.0, 5 runs)');
  });
});

describe('interleave', () => {
  it('takes turns, turns the order around, and leaves the warm-up out', async () => {
    const order: string[] = [];
    let count = 0;
    const run = (name: string) => async () => {
      order.push(name);
      count += 1;
      return count;
    };
    const samples = await interleave({ a: run('a'), b: run('b') }, 2);
    expect(order.join('')).toBe('abbaab');
    expect(samples).toEqual({ a: [4, 5], b: [3, 6] });
  });
});
