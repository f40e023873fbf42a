import { expect, it } from 'vitest';
import { GuesthouseError } from '../../../shared/errors.ts';
import { explainPodman } from './failures.ts';

const place = { id: 'local', name: 'This computer', kind: 'local' } as const;
const said = (detail: string) =>
  explainPodman(new GuesthouseError('program-failed', 'podman', { detail }), place);

// What podman 4.3.1 printed, word for word.
it.each([
  [
    'no-permission',
    'Error: unable to start container "616": /usr/bin/slirp4netns failed: "open(\\"/dev/net/tun\\"): Permission denied\\nWARNING: Support for seccomp is experimental\\nchild failed(1)\\n"',
    /no network on this computer/,
    /chmod 0666 \/dev\/net\/tun/,
  ],
  [
    'name-taken',
    'Error: creating container storage: the container name "web" is already in use by 5f1. You have to remove that container to be able to reuse that name: that name is already in use',
    /named web already/,
    /another name/,
  ],
  ['not-found', 'Error: no container with name or ID "x" found: no such container', /gone/, /anew/],
])('says what podman’s words mean: %s', (code, detail, message, todo) => {
  expect(said(detail)).toMatchObject({
    code,
    message: expect.stringMatching(message),
    todo: expect.stringMatching(todo),
    detail,
  });
});

it('says of a folder that SELinux keeps what to give instead', () => {
  // go-selinux's own words, which podman hands on.
  expect(said('Error: SELinux relabeling of /etc is not allowed\n')).toMatchObject({
    code: 'unsupported',
    message: 'Containers cannot be given /etc.',
    todo: expect.stringContaining('volume'),
  });
});

it('shows what it does not know as podman said it', () => {
  expect(said('Error: something new\n')).toMatchObject({ code: 'program-failed', why: 'something new' });
});
