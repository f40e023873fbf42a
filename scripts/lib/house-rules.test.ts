import { describe, expect, it } from 'vitest';
import { checkRules, rules } from './house-rules.mjs';

/** For every rule a line that breaks it, and a place where that line is allowed (if there is one). */
const breaches: Record<string, { path: string; text: string; allowed?: string }> = {
  'raw ipcMain and ipcRenderer stand only in electron/shell/ipc and the preload': {
    path: 'electron/shell/menu.ts',
    text: "import { ipcMain } from 'electron';",
    allowed: 'electron/shell/ipc/register.ts',
  },
  'window.guesthouse is touched only by renderer/bridge': {
    path: 'renderer/features/guests/list.tsx',
    text: 'window.guesthouse.call()',
    allowed: 'renderer/bridge/call.ts',
  },
  'no local shell: programs get an array of arguments': {
    path: 'electron/core/platform/exec.ts',
    text: 'spawn(program, { shell: true })',
  },
  'HTML is never set as text in the page': {
    path: 'renderer/ui/Note.tsx',
    text: '<p dangerouslySetInnerHTML={x} />',
  },
  'host keys are never accepted unseen': {
    path: 'electron/core/ssh/options.ts',
    text: "['-o', 'StrictHostKeyChecking=accept-new']",
  },
  'types are not talked out of their job, and nothing is left for later': {
    path: 'shared/errors.ts',
    text: '// @ts-ignore',
  },
};

describe('house rules', () => {
  it('each has a breach here', () => {
    expect(rules.map(({ name }) => name).sort()).toEqual(Object.keys(breaches).sort());
  });
  it.each(Object.entries(breaches))('%s', (name, { path, text, allowed }) => {
    const verdict = (at: string) => checkRules([{ path: at, text }]).find((rule) => rule.name.endsWith(name));
    expect(verdict(path)).toMatchObject({ status: 'failed', detail: `${path}:1: ${text}` });
    if (allowed) expect(verdict(allowed)).toMatchObject({ status: 'passed' });
  });
  it('takes strict checking for what it is', () => {
    const text = "['-o', 'StrictHostKeyChecking=yes']";
    expect(
      checkRules([{ path: 'electron/core/ssh/options.ts', text }]).every(({ status }) => status === 'passed'),
    ).toBe(true);
  });
});
