import { describe, expect, it } from 'vitest';
import { checkServer, emptyForm, takeApart } from './server-form.ts';

describe('the form of a server', () => {
  it.each([
    ['admin@203.0.113.7:2222', { user: 'admin', address: '203.0.113.7', port: 2222 }],
    ['ssh://ec2-user@host.example/', { user: 'ec2-user', address: 'host.example', port: 22 }],
    ['root@[2001:db8::7]:22', { user: 'root', address: '2001:db8::7', port: 22 }],
    ['2001:db8::7', { user: '', address: '2001:db8::7', port: 22 }],
    ['host.example', { user: '', address: 'host.example', port: 22 }],
  ])('takes %s apart', (typed, parts) => expect(takeApart(emptyForm, typed)).toMatchObject(parts));

  it('takes the address for a name when none is given, and empty fields for none', () => {
    expect(checkServer({ ...emptyForm, address: 'db.example', tags: 'a, b,a' }, []).spec).toEqual({
      name: 'db.example',
      address: 'db.example',
      port: 22,
      user: null,
      keyId: null,
      jump: null,
      tags: ['a', 'b'],
    });
  });

  it('asks for an address alone: the name follows it', () => {
    expect(Object.keys(checkServer(emptyForm, []).problems)).toEqual(['address']);
  });

  it.each([
    ['-oProxyCommand=id', 'address'],
    ['a b', 'address'],
    ['$(id)', 'address'],
  ])('refuses %s as an address', (address, field) => {
    const { problems, spec } = checkServer({ ...emptyForm, name: 'x', address }, []);
    expect(spec).toBeNull();
    expect(Object.keys(problems)).toEqual([field]);
  });

  it('says of a name that follows a wrong address nothing of its own', () => {
    expect(Object.keys(checkServer({ ...emptyForm, address: '-oProxy=x' }, []).problems)).toEqual([
      'address',
    ]);
  });

  it('refuses a name that is a pattern, or taken', () => {
    expect(checkServer({ ...emptyForm, name: '*', address: 'a' }, []).problems.name).toBeTruthy();
    expect(checkServer({ ...emptyForm, name: 'DB', address: 'a' }, ['db']).problems.name).toMatch(/already/);
  });
});
