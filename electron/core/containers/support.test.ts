import { expect, it } from 'vitest';
import { supportOf } from './support.ts';

const facts = {
  place: 'far',
  v2: true,
  rootless: true,
  controllers: ['memory', 'pids'],
  has: new Set<string>(),
  grouped: true,
  updatable: true,
};
const of = (kind: string, changed: Partial<typeof facts> = {}) =>
  supportOf({ ...facts, ...changed }).find((one) => one.kind === kind)!;

it('takes what is delegated, and says of the rest how to get it', () => {
  expect(of('memory')).toMatchObject({ ok: true });
  expect(of('disk')).toMatchObject({ ok: false, todo: expect.stringContaining('Delegate=') });
});

it('believes no list of controllers where no control group could be made', () => {
  for (const kind of ['memory', 'pids', 'disk'])
    expect(of(kind, { grouped: false }), kind).toMatchObject({
      ok: false,
      why: expect.stringContaining('no systemd session of your account on far'),
      todo: expect.stringContaining('enable-linger'),
    });
});
