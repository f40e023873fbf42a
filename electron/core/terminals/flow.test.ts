import { describe, expect, it } from 'vitest';
import { Backlog, Batch, batchBytes, highWater, lowWater } from './flow.ts';

describe('Backlog', () => {
  it('is full above the high mark and until the low mark', () => {
    const backlog = new Backlog();
    backlog.sent(highWater);
    expect(backlog.full).toBe(false);
    backlog.sent(1);
    expect(backlog.full).toBe(true);
    backlog.acked(highWater - lowWater);
    expect(backlog.full).toBe(true);
    backlog.acked(2);
    expect(backlog.full).toBe(false);
    expect(backlog.unacked).toBe(lowWater - 1);
  });

  it('takes more acknowledged bytes than were sent for all of them, and no nonsense', () => {
    const backlog = new Backlog();
    backlog.sent(10);
    backlog.acked(-5);
    backlog.acked(Number.NaN);
    expect(backlog.unacked).toBe(10);
    backlog.acked(1 << 20);
    expect(backlog.unacked).toBe(0);
    backlog.sent(3);
    expect(backlog.unacked).toBe(3);
  });
});

describe('Batch', () => {
  it('joins pieces in order and says when there is enough', () => {
    const batch = new Batch();
    expect(batch.empty).toBe(true);
    expect(batch.add(Buffer.from('ab'))).toBe(false);
    expect(batch.add(Buffer.from('cd'))).toBe(false);
    expect(Buffer.from(batch.take()).toString()).toBe('abcd');
    expect(batch.empty).toBe(true);
    expect(batch.add(new Uint8Array(batchBytes))).toBe(true);
  });

  it('gives memory of its own: a pooled Buffer would carry its neighbours to the other process', () => {
    const batch = new Batch();
    batch.add(Buffer.from('x'));
    expect(batch.take().buffer.byteLength).toBe(1);
  });
});
