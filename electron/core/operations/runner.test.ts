import { describe, expect, it } from 'vitest';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { Operation } from '../../../shared/model/operation.ts';
import { systemClock } from '../platform/clock.ts';
import { type OperationContext, OperationRunner } from './runner.ts';

const spec = { kind: 'test', title: 'Testing' };

function make() {
  const seen: Operation[] = [];
  const runner = new OperationRunner(systemClock, (operation) => void seen.push(operation));
  return { runner, seen };
}

/** A job that heeds its cancel only when it is let: it cleans up. */
function slow() {
  let finish = () => {};
  const cleaned = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const job = async (op: OperationContext) => {
    await new Promise((resolve) => op.signal.addEventListener('abort', resolve, { once: true }));
    await cleaned;
    op.check();
  };
  return { job, finish };
}

/** Whether it has settled after everything that can happen now has. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  promise.then(
    () => {
      is = true;
    },
    () => {
      is = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return is;
}

describe('OperationRunner', () => {
  it('tells phases and fractions, and how it ended', async () => {
    const { runner, seen } = make();
    const value = await runner.run(spec, async (op) => {
      op.phase('One');
      op.progress(3);
      op.phase('Two');
      return 7;
    });
    expect(value).toBe(7);
    expect(seen.map(({ phase, fraction, status }) => [phase, fraction, status])).toEqual([
      ['', null, 'running'],
      ['One', null, 'running'],
      ['One', 1, 'running'],
      ['Two', null, 'running'],
      ['Two', 1, 'done'],
    ]);
    const failing = runner.start(spec, async () => {
      throw new GuesthouseError('no-space', 'Full.');
    });
    await expect(failing.result).rejects.toMatchObject({ code: 'no-space' });
    await expect(runner.ended(failing.operation.id)).rejects.toMatchObject({ code: 'no-space' });
    expect(runner.get(failing.operation.id)).toMatchObject({ status: 'failed', error: { code: 'no-space' } });
  });

  it('runs one at a time of those with one lock, and lets it go with every end', async () => {
    const { runner } = make();
    const { job, finish } = slow();
    const first = runner.start({ ...spec, lock: 'a' }, job);
    first.result.catch(() => {});
    expect(() => runner.start({ ...spec, lock: 'a' }, async () => {})).toThrow(
      expect.objectContaining({ code: 'busy', message: expect.stringContaining('Testing') }),
    );
    await runner.run({ ...spec, lock: 'b' }, async () => {});
    finish();
    await runner.cancel(first.operation.id);
    await runner
      .run({ ...spec, lock: 'a' }, async () => {
        throw new Error('no');
      })
      .catch(() => {});
    await runner.run({ ...spec, lock: 'a' }, async () => {});
  });

  it('has cleaned up when a cancel resolves, also for whoever cancels second', async () => {
    const { runner } = make();
    const { job, finish } = slow();
    const { operation, result } = runner.start(spec, job);
    result.catch(() => {});
    const [once, twice] = [runner.cancel(operation.id), runner.cancel(operation.id)];
    expect(runner.get(operation.id)!.status).toBe('cancelling');
    expect(await settled(once)).toBe(false);
    expect(await settled(twice)).toBe(false);
    finish();
    await Promise.all([once, twice]);
    expect(runner.get(operation.id)).toMatchObject({ status: 'cancelled', error: null });
    await expect(result).rejects.toBeInstanceOf(CancelledError);
    await expect(runner.ended(operation.id)).rejects.toBeInstanceOf(CancelledError);
    await runner.cancel(operation.id); // it is over: nothing to do
  });

  it('does not cancel what cannot be, nor what is unknown', async () => {
    const { runner } = make();
    const { job, finish } = slow();
    const { operation, result } = runner.start({ ...spec, cancellable: false }, job);
    result.catch(() => {});
    await expect(runner.cancel(operation.id)).rejects.toMatchObject({ code: 'wrong-state' });
    await expect(runner.cancel('nothing')).rejects.toMatchObject({ code: 'not-found' });
    finish();
    await runner.close();
  });

  it('closes only when all has cleaned up, what was being cancelled before too', async () => {
    const { runner } = make();
    const [one, two] = [slow(), slow()];
    const first = runner.start(spec, one.job);
    const second = runner.start(spec, two.job);
    for (const { result } of [first, second]) result.catch(() => {});
    void runner.cancel(first.operation.id);
    const closed = runner.close();
    two.finish();
    await second.result.catch(() => {});
    expect(await settled(closed)).toBe(false);
    one.finish();
    await closed;
    expect(runner.list().map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
  });

  it('undoes once what ended well, and never what did not', async () => {
    const { runner } = make();
    let undone = 0;
    const job = async (op: OperationContext) => op.undo(async () => void undone++);
    const { operation, result } = runner.start(spec, job);
    await result;
    expect(runner.get(operation.id)!.undoable).toBe(true);
    await runner.undo(operation.id);
    await expect(runner.undo(operation.id)).rejects.toMatchObject({ code: 'not-found' });
    expect(undone).toBe(1);
    const failed = runner.start(spec, async (op) => {
      await job(op);
      throw new Error('no');
    });
    await failed.result.catch(() => {});
    await expect(runner.undo(failed.operation.id)).rejects.toMatchObject({ code: 'not-found' });
  });
});
