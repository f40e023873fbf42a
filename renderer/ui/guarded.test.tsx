// @vitest-environment jsdom
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, expect, it, vi } from 'vitest';
import { Guarded } from './Guarded.tsx';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
afterEach(() => vi.restoreAllMocks());

let broken = true;
function Part() {
  if (broken) throw new Error('the cable is out');
  return <p>works</p>;
}

it('a part that fails says so and comes back; what is beside it stays', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  broken = true;
  const place = document.createElement('div');
  const root = createRoot(place);
  const show = (about: string) =>
    act(() =>
      root.render(
        <>
          <p>beside</p>
          <Guarded part="page" about={about} write={async () => {}}>
            <Part />
          </Guarded>
        </>,
      ),
    );
  await show('a');
  expect(place.textContent).toContain('beside');
  expect(place.textContent).toContain('the cable is out');
  broken = false;
  await show('a');
  expect(place.textContent).not.toContain('works');
  await show('b');
  expect(place.textContent).toContain('works');
  await act(() => root.unmount());
});
