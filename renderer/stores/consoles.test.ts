// @vitest-environment jsdom
import { beforeEach, expect, it } from 'vitest';
import { closeScreenOf, openScreens } from './consoles.ts';
import { useUi } from './ui.ts';

const height = () => useUi.getState().dockHeight;

beforeEach(() => {
  window.innerHeight = 1000;
  useUi.getState().set({ dockHeight: 280 });
});

it('gives a screen room, and the room back when the last one has gone', () => {
  openScreens(['a', 'b']);
  expect(height()).toBe(620);
  closeScreenOf('a');
  expect(height()).toBe(620);
  closeScreenOf('b');
  expect(height()).toBe(280);
});

it('keeps a height that was chosen meanwhile', () => {
  openScreens(['a']);
  useUi.getState().set({ dockHeight: 500 });
  closeScreenOf('a');
  expect(height()).toBe(500);
});
