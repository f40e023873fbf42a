import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Guest } from '../../../shared/model/guest.ts';
import { OperationRunner } from '../operations/runner.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import { type Access, createAccess } from '../servers/access.ts';
import { keygen } from '../ssh/sshd.fixture.ts';
import { type TempHome, tempHome } from '../testing/temp-home.ts';
import { addGivenKey, dropGivenKey, givenKeys, stageGivenKeys } from './given.ts';

let temp: TempHome;
let access: Access;
let guest: Guest;

beforeEach(() => {
  temp = tempHome();
  const folder = path.join(temp.home, 'web');
  fs.mkdirSync(folder);
  guest = {
    id: 'web',
    name: 'web',
    uuid: '4c4c4544-0000-2010-8020-80c04f000000',
    folder,
    ssh: { user: 'debian', address: '127.0.0.1', port: 2201 },
    tags: [],
  } as unknown as Guest;
  access = createAccess({
    paths: temp.paths,
    log: silentLog,
    clock: systemClock,
    runner: new OperationRunner(systemClock, () => {}),
    announce: () => {},
    guests: { list: () => [guest] },
  });
});
afterEach(() => {
  access.close();
  temp.remove();
});
const made = (name: string) => keygen(path.join(temp.paths.keys, name)).trim();

describe('keys a guest was given', () => {
  it('are known as accepted, offered first, and alone of all an agent holds', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) made(name);
    const line = made('x-last');
    const before = await access.targets.resolve('web');
    expect(before).toMatchObject({ identitiesOnly: false });
    expect(before.identityFiles).not.toContain(path.join(temp.paths.keys, 'x-last'));
    await stageGivenKeys(guest.folder, [`from="10.0.0.0/8",no-pty ${line}`]);
    const after = await access.targets.resolve('web');
    expect(after.identityFiles[0]).toBe(path.join(temp.paths.keys, 'x-last'));
    expect(after).toMatchObject({ identitiesOnly: true });
    const { keys } = await access.keys.list();
    expect(keys.filter(({ usedBy }) => usedBy.includes('web')).map(({ name }) => name)).toEqual(['x-last']);
  });

  it('bind nothing when the private half is not here', async () => {
    const line = made('gone');
    made('here');
    fs.rmSync(path.join(temp.paths.keys, 'gone'));
    await stageGivenKeys(guest.folder, [line]);
    expect(await access.targets.resolve('web')).toMatchObject({ identitiesOnly: false });
  });

  it('are kept once each, private, and no line that is none', async () => {
    const [one, two] = [made('one'), made('two')];
    await stageGivenKeys(guest.folder, []);
    expect(fs.readdirSync(guest.folder)).toEqual([]);
    await stageGivenKeys(guest.folder, ['# a comment', one, '', one]);
    await addGivenKey(guest.folder, two);
    await addGivenKey(guest.folder, two);
    expect(await givenKeys(guest.folder)).toEqual([one, two]);
    expect(fs.statSync(path.join(guest.folder, 'authorized_keys')).mode & 0o777).toBe(0o600);
    await dropGivenKey(guest.folder, one.split(' ')[1]!);
    expect(await givenKeys(guest.folder)).toEqual([two]);
  });
});
