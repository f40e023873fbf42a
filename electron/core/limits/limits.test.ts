import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupLimits, noLimits } from '../../../shared/model/group.ts';
import { silentLog } from '../platform/log.ts';
import { chooseBackend } from './choose.ts';
import { type Facts, parseFacts } from './facts.ts';
import { farMachine, parseSurvey, thisMachine } from './machine.ts';
import { containerOf, groupId, scopeName, sliceName, slicePath, systemdEscape } from './names.ts';
import { parseProcesses } from './processes.ts';
import { parseResults, type Step, stepsCommand } from './steps.ts';
import { GroupStore } from './store.ts';
import { sliceProperties } from './systemd.ts';
import { addHits, type Counters, readCounters, sampleOf } from './usage.ts';
import { limitFilesV1 } from './v1.ts';
import { limitFilesV2 } from './v2.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gh-limits-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MB = 1 << 20;
const facts = (patch: Partial<Facts> = {}): Facts => ({
  ...parseFacts(
    'uid 1000\ngid 1000\nuser mara\ncores 4\nmemory 8000000\nboot b-1\ndisk vda 254:0 1000 QEMU HARDDISK\n',
  ),
  ...patch,
});
const limits = groupLimits.parse({
  memoryMax: 64 * MB,
  swapMax: 0,
  cpus: 0.5,
  cpuWeight: 50,
  tasksMax: 10,
  io: [{ device: '/dev/vda', writeBytes: MB }],
});

describe('names', () => {
  it.each(['a b', '../..', 'two\nlines', '-x', 'Ünï cödé', '', 'x'.repeat(500), '$(touch x)', '\u{1f600}'])(
    'of a person never become part of a path: %j',
    (name) => expect(groupId(name)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{8}$/),
  );

  it.each([
    ['a-b', 'a\\x2db'],
    ['a b', 'a\\x20b'],
    ['.hidden', '\\x2ehidden'],
    ['ü', '\\xc3\\xbc'],
    ['a/b', 'a-b'],
    ['a\\b', 'a\\x5cb'],
    ['plain_1:2.3', 'plain_1:2.3'],
  ])('are escaped as systemd-escape does: %s', (name, escaped) => expect(systemdEscape(name)).toBe(escaped));

  it('nest slices by the dashes between levels alone', () => {
    expect(sliceName(['web-1a', 'in-2b'])).toBe('guesthouse-web\\x2d1a-in\\x2d2b.slice');
    expect(slicePath(['web-1a', 'in-2b'])).toBe(
      'guesthouse.slice/guesthouse-web\\x2d1a.slice/guesthouse-web\\x2d1a-in\\x2d2b.slice',
    );
    expect(slicePath(['web'])).toBe('guesthouse.slice/guesthouse-web.slice');
    expect(scopeName('web-1a', 'app-1')).toBe('guesthouse-web\\x2d1a-app\\x2d1.scope');
  });

  it('of containers are podman’s', () => {
    const id = 'a1'.repeat(32);
    expect(containerOf(`libpod-${id}`)).toBe(id);
    expect(containerOf(`libpod-${id}.scope`)).toBe(id);
    expect(containerOf(`libpod-conmon-${id}`)).toBeNull();
    expect(containerOf('m-app-1')).toBeNull();
  });
});

describe('limits as the kernel and systemd take them', () => {
  it('systemd: every property each time, so that one taken away is', () => {
    expect(sliceProperties(limits)).toEqual(
      expect.arrayContaining([
        'MemoryMax=67108864',
        'MemoryHigh=infinity',
        'MemorySwapMax=0',
        'CPUQuota=50%',
        'CPUWeight=50',
        'TasksMax=10',
        'IOReadBandwidthMax=',
        'IOWriteBandwidthMax=',
        'IOWriteBandwidthMax=/dev/vda 1048576',
      ]),
    );
    expect(sliceProperties(noLimits)).toContain('CPUQuota=');
  });

  it('version 2', () => {
    const text = (file: string) => limitFilesV2(facts(), limits).find((one) => one.file === file)?.text;
    expect(text('memory.max')).toBe('67108864');
    expect(text('memory.high')).toBe('max');
    expect(text('cpu.max')).toBe('50000 100000');
    expect(text('io.max')).toBe('254:0 rbps=max wbps=1048576 riops=max wiops=max');
  });

  it('version 1: memory and swap together, out of the way first', () => {
    const files = limitFilesV1(facts(), limits);
    expect(files.slice(0, 3).map(({ file, text }) => `${file} ${text}`)).toEqual([
      'memory.memsw.limit_in_bytes -1',
      'memory.limit_in_bytes 67108864',
      'memory.memsw.limit_in_bytes 67108864',
    ]);
    expect(files.find(({ file }) => file === 'cpu.shares')?.text).toBe('512');
    expect(files.find(({ file }) => file.includes('write_bps'))?.text).toBe('254:0 1048576');
    expect(files.find(({ file }) => file.includes('read_bps'))).toMatchObject({
      text: '254:0 0',
      optional: true,
    });
  });
});

describe('how groups are made', () => {
  const programs = new Set(['systemctl', 'systemd-run', 'busctl']);
  const manager = {
    runtime: '/run/user/1000',
    group: '/user.slice/x',
    controllers: ['memory', 'pids'],
    bus: true,
    lingers: false,
  };
  const v2 = { mount: '/sys/fs/cgroup', controllers: ['memory', 'cpu', 'pids', 'io'] };

  it('is by the manager of the person, which may not have been given all', () => {
    const backend = chooseBackend(facts({ systemd: true, programs, userManager: manager, v2 }));
    expect(backend).toMatchObject({ kind: 'systemd', root: false });
    const io = backend.abilities.find(({ limit }) => limit === 'io')!;
    expect(io).toMatchObject({ held: 'no', todo: expect.stringContaining('delegate') });
    expect(io.command).toContain('user@.service.d');
    expect(backend.enter(['web-1a'], 'app-1', ['true'])).toEqual([
      'env',
      'XDG_RUNTIME_DIR=/run/user/1000',
      'systemd-run',
      '--user',
      '--scope',
      '--quiet',
      '--collect',
      '--unit=guesthouse-web\\x2d1a-app\\x2d1.scope',
      '--slice=guesthouse-web\\x2d1a.slice',
      '--',
      'true',
    ]);
  });

  it('is by the system’s through sudo, as the person again', () => {
    const backend = chooseBackend(facts({ systemd: true, programs, sudo: true, v2 }));
    expect(backend).toMatchObject({ kind: 'systemd', root: true });
    expect(backend.enter(['web'], 'app-1', ['true'])).toContain('--uid=1000');
    const [move] = backend.move(['web'], 'app-1', [7, 8]);
    expect(move?.do === 'run' && move.argv.slice(-5)).toEqual(['au', '2', '7', '8', '0']);
  });

  it('outlives our connection: by the system’s where a far manager does not linger, or it says so', () => {
    const far = facts({ systemd: true, programs, far: true, userManager: manager, v2 });
    const lingering = { ...manager, lingers: true };
    expect(chooseBackend({ ...far, sudo: true })).toMatchObject({ root: true, ends: null });
    expect(chooseBackend({ ...far, sudo: true, userManager: lingering })).toMatchObject({
      root: false,
      ends: null,
    });
    expect(chooseBackend(far)).toMatchObject({
      root: false,
      ends: { command: 'sudo loginctl enable-linger mara', why: expect.stringContaining('last login') },
    });
    expect(chooseBackend({ ...far, far: false }).ends).toBeNull();
    // Without D-Bus that manager could move nothing.
    const deaf = { ...manager, bus: false };
    expect(chooseBackend({ ...far, sudo: true, userManager: deaf }).root).toBe(true);
    expect(() => chooseBackend({ ...far, userManager: deaf })).toThrow(
      expect.objectContaining({ todo: expect.stringContaining('dbus-user-session') }),
    );
  });

  it('is by a delegated part of version 2, or by version 1 where a folder is ours', () => {
    const delegated = { folder: '/sys/fs/cgroup/mine', controllers: ['memory'], inner: true };
    expect(chooseBackend(facts({ v2, delegated }))).toMatchObject({ kind: 'v2' });
    const v1 = new Map([['memory', { mount: '/m', base: '/m/guesthouse-1000' }]]);
    const backend = chooseBackend(facts({ v1 }));
    expect(backend).toMatchObject({ kind: 'v1' });
    expect(backend.abilities.find(({ limit }) => limit === 'cpus')?.held).toBe('no');
    expect(backend.container(['web-1a'])).toMatchObject({ cgroupParent: '/guesthouse-1000/web-1a' });
  });

  it.each([
    ['systemd without a manager', { systemd: true, programs }, /enable-linger mara/],
    ['systemd without its programs', { systemd: true }, /package systemd/],
    [
      'version 1 of root alone',
      { v1: new Map([['memory', { mount: '/m', base: null }]]) },
      /guesthouse-1000/,
    ],
    ['version 2 of root alone', { v2 }, /Run Guesthouse as root/],
    ['nothing', {}, /mount -t cgroup2/],
  ])('is refused with how to get it: %s', (_, patch: Partial<Facts>, todo) => {
    expect(() => chooseBackend(facts({ programs: new Set(), ...patch }))).toThrow(
      expect.objectContaining({ todo: expect.stringMatching(todo) }),
    );
  });
});

describe('a far machine', () => {
  // Its scripts run here, as the far shell would run them.
  const far = farMachine(
    'far',
    'far',
    async (command) => thisMachine.exec([command[0]!, ...command.slice(1)]),
    () => false,
  );
  const steps = (): Step[] => [
    { do: 'dir', path: path.join(folder, 'a b/$(x)') },
    { do: 'write', path: path.join(folder, 'a b/no such folder/file'), text: '1', limit: 'cpus' },
    { do: 'write', path: path.join(folder, 'file'), text: "it's 'here'" },
    { do: 'run', argv: ['sh', '-c', 'echo "$1" >&2; exit 3', 'sh', 'why\nnot'], optional: true },
    { do: 'rmdir', path: path.join(folder, 'not there') },
    { do: 'rmdir', path: path.join(folder, 'a b') },
    { do: 'dir', path: path.join(folder, 'never') },
  ];

  it.each([
    ['there', far],
    ['here', thisMachine],
  ])('does the same steps as this one: %s', async (_, machine) => {
    writeFileSync(path.join(folder, 'file'), '');
    const results = await machine.apply(steps());
    expect(results.map((result) => result === null)).toEqual([true, false, true, false, true, false]);
    expect(results[1]).toMatch(/No such file/);
    expect(readFileSync(path.join(folder, 'file'), 'utf8')).toBe("it's 'here'");
    expect(results[5]).toMatch(/not empty/i);
    // All that is empty goes, and what is not stays, with what it is in.
    const prune = (name: string): Step => ({ do: 'prune', path: path.join(folder, name), optional: true });
    mkdirSync(path.join(folder, 'kept/empty'), { recursive: true });
    writeFileSync(path.join(folder, 'kept/file'), '');
    const pruned = await machine.apply([prune('a b'), prune('not there'), prune('kept')]);
    expect(pruned.map((result) => result === null)).toEqual([true, true, false]);
    expect(existsSync(path.join(folder, 'a b'))).toBe(false);
    expect(existsSync(path.join(folder, 'kept/file'))).toBe(true);
  });

  it('surveys folders and files in one go', async () => {
    mkdirSync(path.join(folder, 'many/m-1'), { recursive: true });
    mkdirSync(path.join(folder, 'many/m-2'));
    writeFileSync(path.join(folder, 'many/cpu.stat'), 'usage_usec 5\nnr_periods 1\n');
    const files = ['cpu.stat', 'no.such', 'm-1/nothing'].map((name) => path.join(folder, 'many', name));
    const folders = [path.join(folder, 'many'), path.join(folder, 'gone')];
    for (const machine of [far, thisMachine]) {
      const survey = await machine.survey(folders, files);
      expect([...(survey.folders.get(folders[0]!) ?? [])].sort()).toEqual(['m-1', 'm-2']);
      expect(survey.folders.get(folders[1]!)).toBeNull();
      expect([...survey.files]).toEqual([[files[0], 'usage_usec 5\nnr_periods 1\n']]);
    }
    expect(parseSurvey('', folders, files).files.size).toBe(0);
  });

  it('is told arguments, never text', () => {
    expect(stepsCommand(steps()).slice(0, 2)).toEqual(['sh', '-c']);
    expect(parseResults('+\n-a b\nnoise\n')).toEqual([null, 'a b']);
  });
});

describe('use', () => {
  const node = {
    layout: 'v2' as const,
    folder: '/g',
    procs: '/g/procs',
    memory: '/g/m',
    cpuStat: '/g/c',
    io: '/g/io',
    cpuPressure: '/g/p',
  };
  const at = (time: number, files: Record<string, string>): Counters =>
    readCounters(node, { folders: new Map(), files: new Map(Object.entries(files)) }, time);

  it('is the difference of two looks', () => {
    const before = at(1000, {
      '/g/m': '10\n',
      '/g/c': 'usage_usec 0\nnr_periods 0\nnr_throttled 0\n',
      '/g/io': '254:0 rbytes=0 wbytes=0 rios=0 wios=0\n',
    });
    const now = at(3000, {
      '/g/m': '20\n',
      '/g/c': 'usage_usec 1000000\nnr_periods 20\nnr_throttled 5\n',
      '/g/io': '254:0 rbytes=2000 wbytes=4000 rios=2 wios=4\n253:0 rbytes=2000 wbytes=0 rios=0 wios=0\n',
      '/g/p': 'some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 avg60=0 avg300=0 total=0\n',
    });
    expect(sampleOf('g', now, before, [])).toMatchObject({
      cpu: 0.5,
      memory: 20,
      readBytes: 2000,
      writeBytes: 2000,
      throttled: 0.25,
      pressure: { cpu: { some: 12.5, full: 1 }, memory: null },
    });
    expect(sampleOf('g', now, null, []).cpu).toBeNull();
  });

  it('tells a limit that was met once, and goes on while it is', () => {
    const look = (time: number, throttled: number) =>
      at(time, { '/g/c': `usage_usec 0\nnr_periods 9\nnr_throttled ${throttled}\n` });
    const first = addHits([], look(2000, 3), look(0, 0), []);
    expect(first).toEqual([{ kind: 'throttled', first: 0, last: 2000, count: 3 }]);
    const second = addHits(first, look(4000, 4), look(2000, 3), []);
    expect(second).toEqual([{ kind: 'throttled', first: 0, last: 4000, count: 4 }]);
    expect(addHits(second, look(99_000, 5), look(97_000, 4), [])).toHaveLength(2);
    expect(addHits(second, look(6000, 4), look(4000, 4), [])).toEqual(second);
  });
});

describe('groups.json', () => {
  it('keeps what it cannot read, and lets no group nest twice', async () => {
    const dir = path.join(folder, 'store');
    mkdirSync(dir);
    const group = (id: string, parent: string | null) => ({
      id,
      name: id,
      parent,
      host: null,
      limits: noLimits,
      members: [],
    });
    const strange = { id: '../../etc', name: 'x' };
    writeFileSync(
      path.join(dir, 'groups.json'),
      JSON.stringify({ groups: [group('a', null), group('b', 'a'), group('c', 'b'), strange] }),
    );
    const store = new GroupStore(dir, silentLog);
    await store.load();
    expect(store.list().map(({ id, parent }) => [id, parent])).toEqual([
      ['a', null],
      ['b', 'a'],
      ['c', null],
    ]);
    await store.change('a', (one) => ({ ...one, name: 'renamed' }));
    const text = readFileSync(path.join(dir, 'groups.json'), 'utf8');
    expect(text).toContain('../../etc');
    expect(text).toContain('renamed');
    writeFileSync(path.join(dir, 'groups.json'), '{"groups": [');
    const torn = new GroupStore(dir, silentLog);
    await torn.load();
    await torn.put(store.list()[0]!);
    expect(readFileSync(path.join(dir, 'groups.json.damaged'), 'utf8')).toBe('{"groups": [');
  });
});

it('reads processes whatever they call themselves', () => {
  const stat = (pid: number, name: string) =>
    `${pid}/stat:${pid} (${name}) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 1 0 777 1000 10 0 0\n`;
  const [one, two] = parseProcesses(
    `${stat(10, 'a) b (')}${stat(11, 'kworker')}=T\n10/status:Uid:\t1000\t1000\n11/status:Uid:\t0\t0\n=T\n10/cmdline:a\0b c\0\n=T\nroot:x:0:0::/:\nmara:x:1000:1000::/:\n`,
  );
  expect(one).toMatchObject({
    pid: 10,
    name: 'a) b (',
    command: 'a b c',
    user: 'mara',
    startTime: 777,
    kernel: false,
  });
  expect(two).toMatchObject({ pid: 11, kernel: true, user: 'root' });
});
