import { describe, expect, it } from 'vitest';
import { newDomain } from '../domain/index.ts';
import { edited } from './seal.ts';

describe('editing a template', () => {
  const domain = newDomain({
    name: 'debian',
    kind: 'hybrid',
    machine: 'pc-q35-7.2',
    memoryMiB: 1024,
    vcpus: 2,
    disks: [],
    sshUser: 'debian',
    tags: ['old'],
  });
  const stored = { id: 'debian-1', folder: '/t/debian-1', text: domain.text, domain, problem: null };

  it('changes what clones begin with, and nothing that was not named', () => {
    const other = edited(stored, { vcpus: 4, memory: 2048, loginUser: 'ann' });
    expect(other).toMatchObject({ vcpus: 4, memoryMiB: 2048 });
    expect(other.metadata).toMatchObject({ ssh: { user: 'ann' }, tags: ['old'] });
    expect(edited(stored, {}).text).toBe(domain.text);
  });

  it('takes labels and the user away', () => {
    const bare = edited(stored, { tags: [], description: '', loginUser: null });
    expect(bare.metadata).toMatchObject({ ssh: { user: null }, tags: [] });
    expect(edited(stored, { tags: ['a', 'a', 'b'] }).metadata.tags).toEqual(['a', 'b']);
  });
});
