import { describe, expect, it } from 'vitest';
import { checkNew, emptyForm, imageOfFile } from './new-form.ts';

const form = emptyForm('local', null, ['app-1']);

describe('the wizard', () => {
  it('proposes a name that is free, and a shell that waits', () => {
    expect(form.name).toBe('app-2');
    expect(checkNew(form, null, []).spec).toMatchObject({
      name: 'app-2',
      source: { kind: 'busybox' },
      command: [],
      interactive: true,
    });
  });

  it('takes a command apart, and a program of its own needs nobody at its input', () => {
    const { spec } = checkNew({ ...form, command: `sh -c 'echo "a b"; sleep 1'` }, null, []);
    expect(spec).toMatchObject({ command: ['sh', '-c', 'echo "a b"; sleep 1'], interactive: false });
    expect(checkNew({ ...form, command: "sh -c 'x" }, null, []).problems).toHaveProperty('command');
  });

  it('opens ports on the loopback unless everyone is meant', () => {
    const ports = [
      { hostPort: Number.NaN, port: 80, everyone: false },
      { hostPort: 8080, port: 81, everyone: true },
    ];
    expect(checkNew({ ...form, ports }, null, []).spec!.ports).toEqual([
      { address: '127.0.0.1', hostPort: 0, port: 80 },
      { address: '', hostPort: 8080, port: 81 },
    ]);
  });

  it('keeps what follows the first = of a variable', () => {
    expect(checkNew({ ...form, env: 'A=b=c \n\nB=' }, null, []).spec!.env).toEqual([
      { name: 'A', value: 'b=c ' },
      { name: 'B', value: '' },
    ]);
    expect(checkNew({ ...form, env: 'no value' }, null, []).problems).toHaveProperty('env');
    expect(checkNew({ ...form, env: '1X=y' }, null, []).problems).toHaveProperty('env');
  });

  it('says what is wrong with names, packages and folders', () => {
    const wrong = (patch: object) => Object.keys(checkNew({ ...form, ...patch }, null, ['web']).problems);
    expect(wrong({ name: 'web' })).toEqual(['name']);
    expect(wrong({ name: '-rf' })).toEqual(['name']);
    expect(wrong({ kind: 'debian', packages: 'nginx --force' })).toEqual(['packages']);
    expect(wrong({ kind: 'pull', image: '--all' })).toEqual(['image']);
    expect(wrong({ kind: 'tar', path: '' })).toEqual(['path']);
    const volume = { named: false, source: '/x', target: '/y', readOnly: true };
    for (const patch of [{ source: 'x:z' }, { source: '-x' }, { source: 'x/y' }, { target: 'y' }])
      expect(wrong({ volumes: [{ ...volume, ...patch }] }), JSON.stringify(patch)).toEqual(['volumes']);
    expect(wrong({ volumes: [volume, { ...volume, named: true, source: 'data' }] })).toEqual([]);
  });

  it('names an image after its file', () => {
    expect(imageOfFile('/tmp/My Root (1).tar.gz')).toBe('localhost/my-root-1:1');
    expect(imageOfFile('/tmp/---.tar')).toBe('localhost/root:1');
  });
});
