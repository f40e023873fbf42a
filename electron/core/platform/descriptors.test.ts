import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { withoutInherited } from './descriptors.ts';

afterEach(() => {
  Reflect.deleteProperty(process.versions, 'electron');
});
const pretendElectron = () =>
  Object.defineProperty(process.versions, 'electron', { value: '45.4.1', configurable: true });

it('leaves the command alone under plain Node', () => {
  expect(withoutInherited(['ls', '-l'], process.env)).toEqual(['ls', '-l']);
});

it('closes what the parent left open, keeps stdio, and hands words on untouched', () => {
  pretendElectron();
  const list = [
    'node',
    '-e',
    "console.log(require('fs').readdirSync('/proc/self/fd').map((n)=>{try{return require('fs').readlinkSync('/proc/self/fd/'+n)}catch{return ''}}).join(), process.argv[1])",
  ];
  const open = openSync('/etc/passwd', 'r');
  try {
    const [program, ...args] = withoutInherited([list[0]!, ...list.slice(1), '$(id) "; x'], process.env);
    // Descriptor 12 is inherited on purpose, as Chromium's are by neglect.
    const stdio = [
      'ignore',
      'pipe',
      'pipe',
      ...Array.from({ length: 9 }, () => 'ignore' as const),
      open,
    ] as const;
    const plain = spawnSync(list[0]!, list.slice(1), { stdio: [...stdio], encoding: 'utf8' });
    expect(plain.stdout).toContain('/etc/passwd');
    const cleaned = spawnSync(program, args, { stdio: [...stdio], encoding: 'utf8' });
    expect(cleaned.stdout).not.toContain('/etc/passwd');
    expect(cleaned.stdout).toContain('$(id) "; x');
  } finally {
    closeSync(open);
  }
});

it('lets a missing program fail as it does otherwise', () => {
  pretendElectron();
  expect(withoutInherited(['no-such-program'], process.env)).toEqual(['no-such-program']);
});
