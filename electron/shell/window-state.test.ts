import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { defaultBounds, fitBounds, readBounds, saveBounds } from './window-state.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1040 };
const saved = { x: 100, y: 50, width: 1300, height: 900, maximized: false };

it('puts the window where it was', () => expect(fitBounds(saved, [screen])).toEqual(saved));

it('forgets a place that no screen shows any more, and keeps the size', () => {
  expect(fitBounds({ ...saved, x: 2500 }, [screen])).toEqual({ width: 1300, height: 900, maximized: false });
  expect(fitBounds({ ...saved, y: -500 }, [screen])).not.toHaveProperty('y');
  expect(fitBounds({ ...saved, x: 2500 }, [screen, { ...screen, x: 1920 }])).toEqual({ ...saved, x: 2500 });
});

it('cuts what is larger than every screen', () => {
  expect(fitBounds({ ...saved, x: 0, y: 0, width: 5000, height: 3000 }, [screen])).toMatchObject({
    width: 1920,
    height: 1040,
  });
});

it.each([null, 'x', {}, { ...saved, width: 10 }, { ...saved, x: 1.5 }, { ...saved, maximized: 'yes' }])(
  'takes the default for %j',
  (nonsense) => expect(fitBounds(nonsense, [screen])).toEqual(defaultBounds),
);

it('comes back from the file, and from a broken one as nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gh-win-'));
  try {
    expect(readBounds(dir)).toBeNull();
    await saveBounds(join(dir, 'new'), saved);
    expect(readBounds(join(dir, 'new'))).toEqual(saved);
    await writeFile(join(dir, 'window.json'), '{"x":');
    expect(readBounds(dir)).toBeNull();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
