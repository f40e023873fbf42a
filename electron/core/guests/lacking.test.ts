import { expect, it } from 'vitest';
import { GuesthouseError } from '../../../shared/errors.ts';
import { Domain } from '../domain/index.ts';
import { explainLacking } from './lacking.ts';

const offered = { machines: ['pc', 'q35', 'pc-q35-7.2'], cpus: ['max', 'Skylake-Client'] };
const refused = new GuesthouseError('qemu-failed', 'QEMU could not start this guest.', { why: 'its words' });
const domain = (machine: string, cpu = '') =>
  Domain.parse(
    `<domain type='kvm'><name>x</name><os><type arch='x86_64' machine='${machine}'>hvm</type></os>${cpu}</domain>`,
  );

it('a start that this QEMU cannot make names what it lacks and the nearest it has', () => {
  expect(explainLacking(refused, domain('pc-q35-jammy'), offered, false)).toMatchObject({
    code: 'unsupported',
    message: 'This computer’s QEMU has no machine type pc-q35-jammy.',
    why: expect.stringContaining('nearest that is here is pc-q35-7.2'),
    todo: expect.stringMatching(/^Put pc-q35-7.2 into its XML/),
    detail: 'its words',
  });
  expect(explainLacking(refused, domain('pc-q35-jammy'), offered, true).todo).toMatch(/^Discard the saved/);
  const odd = domain('q35', '<cpu><model>Skylake-Client-v9</model></cpu>');
  expect(explainLacking(refused, odd, offered, false).why).toMatch(/Skylake-Client\.$/);
  expect(explainLacking(refused, domain('microvm'), offered, false)).toMatchObject({
    why: expect.stringContaining('nothing like it'),
    todo: expect.stringMatching(/^Put another/),
  });
});

it('any other failure stays as it is', () => {
  expect(explainLacking(refused, domain('q35'), offered, false)).toBe(refused);
  expect(explainLacking(refused, domain('pc-q35-jammy'), null, false)).toBe(refused);
  const port = new GuesthouseError('port-taken', 'Port 22 is taken.');
  expect(explainLacking(port, domain('pc-q35-jammy'), offered, false)).toBe(port);
});
