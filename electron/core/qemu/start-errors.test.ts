import { describe, expect, it } from 'vitest';
import { explainStartFailure } from './start-errors.ts';

const qemu = 'qemu-system-x86_64: ';
const explain = (stderr: string, more: { code?: number | null; signal?: NodeJS.Signals | null } = {}) =>
  explainStartFailure(
    {
      stderr,
      code: more.code === undefined ? 1 : more.code,
      signal: more.signal ?? null,
      holders: async (file) => (file === '/d' ? [{ pid: 7, name: 'qemu-nbd' }] : []),
    },
    ['/d'],
  );

// QEMU 7.2's own words.
describe('explainStartFailure', () => {
  it.each([
    [
      `${qemu}-blockdev {}: Failed to get "write" lock\nIs another process using the image [/d]?`,
      'disk-in-use',
    ],
    [`${qemu}-netdev user: Could not set up host forwarding rule 'tcp:127.0.0.1:2322-:22'`, 'port-taken'],
    [`${qemu}cannot set up guest memory 'pc.ram': Cannot allocate memory`, 'no-memory'],
    [
      `Could not access KVM kernel module: Permission denied\n${qemu}failed to initialize kvm: Permission denied`,
      'no-permission',
    ],
    [`Could not access KVM kernel module: No such file or directory`, 'accelerator-unusable'],
    [`${qemu}Cannot lock pid file: Resource temporarily unavailable`, 'busy'],
    [`${qemu}-blockdev {}: Could not open '/x.qcow2': No such file or directory`, 'disk-missing'],
    [`${qemu}-blockdev {}: Could not open '/x.qcow2': Permission denied`, 'no-permission'],
    [`${qemu}-blockdev {}: Image is not in qcow2 format`, 'disk-damaged'],
    [`${qemu}Could not write: No space left on device`, 'no-space'],
    [`${qemu}-device x: 'x' is not a valid device model name`, 'qemu-failed'],
  ])('%s', async (stderr, code) => {
    const error = await explain(stderr);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^[A-Z].*\.$/s);
    // Nothing QEMU said is lost, and a line that is the reason is not said twice.
    const said = stderr.replaceAll(qemu, '');
    if (error.why === said) expect(error.detail).toBeUndefined();
    else expect(error.detail).toBe(stderr);
  });

  it('names the port and the holder', async () => {
    expect(
      (await explain(`Could not set up host forwarding rule 'tcp:127.0.0.1:2322-:22'`)).message,
    ).toContain('2322');
    expect((await explain(`Failed to get "write" lock`)).why).toContain('Process 7 (qemu-nbd)');
  });

  it('passes over warnings, and says so when QEMU said nothing', async () => {
    const warned = await explain(`${qemu}warning: host doesn't support requested feature\n${qemu}bad thing`);
    expect(warned.why).toBe('bad thing');
    expect(warned.detail).toContain('requested feature');
    expect(await explain(`${qemu}bad thing\n`)).toMatchObject({ why: 'bad thing', detail: undefined });
    expect((await explain('', { code: 3 })).why).toContain('exit code 3');
    expect((await explain('', { code: null, signal: 'SIGKILL' })).why).toContain('SIGKILL');
    expect((await explain('', { code: null, signal: 'SIGSYS' })).message).toContain('sandbox');
  });
});
