import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { define, makeDisk, makeTree } from '../core/identity/testing/small-guests.ts';

// The real command line, bundled as in a package, on libraries of its own.
const out = resolve(__dirname, `../../dist/test/cli-${process.pid}`);
beforeAll(async () => {
  await mkdir(out, { recursive: true });
  await build({
    entryPoints: {
      cli: join(__dirname, 'cli.ts'),
      'terminal-host': resolve(__dirname, '../core/terminals/host-main.ts'),
    },
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    external: ['node-pty'],
    loader: { '.bin': 'binary' },
  });
});
afterAll(() => rm(out, { recursive: true, force: true }));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gh-c-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const env = () => ({
  PATH: process.env.PATH ?? '',
  HOME: join(root, 'h'),
  XDG_DATA_HOME: join(root, 'd'),
  XDG_CONFIG_HOME: join(root, 'c'),
  XDG_CACHE_HOME: join(root, 'k'),
  XDG_RUNTIME_DIR: join(root, 'r'),
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function begin(...args: string[]): { child: ChildProcess; ended: Promise<Ended>; stderr: () => string } {
  const child = spawn(process.execPath, [join(out, 'cli.cjs'), ...args], { env: env(), stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin!.end();
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, stdout, stderr })));
  return { child, ended, stderr: () => stderr };
}
const run = (...args: string[]) => begin(...args).ended;

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((done) => setTimeout(done, 20));
}

/** A guest without a disk: its firmware talks to nobody, but its QEMU is real. */
async function guest(id: string, name: string, uuid: string): Promise<void> {
  const folder = join(root, 'd/guesthouse/guests', id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(
    join(folder, 'domain.xml'),
    `<domain type='kvm'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <serial type='pty'><target type='isa-serial' port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
  </devices>
</domain>
`,
  );
}
const uuid = '6f1b1d1e-1111-4222-8333-444455556666';

describe('the command line', () => {
  it('answers in words and in JSON, and says what kind of failure it was', async () => {
    expect(await run('list')).toMatchObject({ code: 0, stdout: expect.stringContaining('No guests') });
    expect(JSON.parse((await run('list', '--json')).stdout)).toEqual([]);
    expect(await run('show', 'nobody')).toMatchObject({ code: 3, stdout: '' });
    const missing = await run('show', 'nobody', '--json');
    expect(missing.code).toBe(3);
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: 'not-found' } });
    expect((await run('create', 'x')).code).toBe(2);
    expect((await run('create', '../../x', '--from', 'debian-12')).code).toBe(2);
    expect((await run('no-such-command')).code).toBe(2);
    expect((await run('list', '--no-such-option')).code).toBe(2);
    expect((await run('--version')).code).toBe(0);
    expect(existsSync(join(root, 'r/guesthouse/core.sock'))).toBe(false);
  });

  it('reads domain XML, and takes it in and gives it back byte for byte', async () => {
    await guest('tiny-6f1b1d1e', 'Tiny', uuid);
    const file = join(root, 'tiny.xml');
    expect((await run('export', 'tiny', '--output', file)).code).toBe(0);
    expect((await run('export', 'tiny', '-o', file)).code).toBe(4);
    const text = await readFile(file, 'utf8');
    expect((await run('export', 'tiny')).stdout).toBe(text);
    expect((await run('xml', 'print', file)).stdout).toMatch(/^ 6 {4}os\n 6 {6}type arch="x86_64".*: hvm$/m);
    expect((await run('xml', 'check', file)).code).toBe(0);
    const odd = join(root, 'odd.xml');
    await writeFile(
      odd,
      text
        .replace('<features>', '<blkiotune><weight>800</weight></blkiotune>\n  <features>')
        .replace('<serial ', "<hostdev mode='subsystem' type='usb'/>\n    <serial "),
    );
    const found = await run('xml', 'check', odd);
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(/line 7: blkiotune: /);
    expect(found.stdout).toMatch(/line 13: devices\/hostdev: .*given to the guest/);
    await writeFile(odd, text.slice(0, -4));
    expect((await run('xml', 'check', odd)).code).toBe(1);
    expect((await run('xml', 'check', join(root, 'none.xml'))).code).toBe(3);
    expect((await run('import', file)).code).toBe(4);
    expect((await run('delete', 'tiny', '--yes')).code).toBe(0);
    expect((await run('import', file)).stdout).toContain('Imported Tiny.');
    expect((await run('export', 'tiny')).stdout).toBe(text);
    expect((await run('import', file, '--name', 'Two', '--json')).stdout).toContain('has its UUID already');
  });

  it('starts, freezes, stops and deletes a guest, by any of its names', async () => {
    await guest('tiny-6f1b1d1e', 'Tiny', uuid);
    expect((await run('start', 'tiny')).stdout).toContain('Tiny: Running');
    // Each command is a process of its own: the guest was left running and is found again.
    const shown = JSON.parse((await run('show', uuid.toUpperCase(), '--json')).stdout);
    expect(shown.guest).toMatchObject({ state: 'running', pid: expect.any(Number) });
    expect((await run('start', 'tiny')).code).toBe(4);
    expect((await run('pause', 'tiny-6f1b1d1e')).stdout).toContain('Paused');
    expect((await run('resume', 'TINY')).stdout).toContain('Running');
    expect((await run('delete', 'tiny', '--yes')).code).toBe(4);
    expect((await run('stop', 'tiny', '--force')).stdout).toContain('Off');
    // Not in existence, or a dead entry that nobody has collected.
    expect(existsSync(`/proc/${shown.guest.pid}/exe`)).toBe(false);

    expect((await run('rename', 'tiny', 'Small')).code).toBe(0);
    const asked = await run('delete', 'small');
    expect(asked).toMatchObject({ code: 2, stdout: expect.stringContaining('domain.xml') });
    expect((await run('show', 'small')).code).toBe(0);
    expect((await run('delete', 'small', '--yes')).code).toBe(0);
    expect((await run('show', 'small')).code).toBe(3);
    expect(await readdir(join(root, 'd/guesthouse/guests'))).toEqual([]);
  });

  it('works from several shells at once', async () => {
    await guest('tiny-6f1b1d1e', 'Tiny', uuid);
    const all = await Promise.all(Array.from({ length: 8 }, () => run('list', '--json')));
    for (const { code, stdout, stderr } of all) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject([{ name: 'Tiny', state: 'off' }]);
    }
  });

  it('cancels an operation at Ctrl-C and waits for its cleaning up', async () => {
    const { child, ended, stderr } = begin('starter', 'build', 'debian-12');
    await until(() => /packages/.test(stderr()));
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    const [starter] = JSON.parse((await run('starter', 'list', '--json')).stdout);
    expect(starter.status).toBe('absent');
  });
});

describe('templates, clones and identities', () => {
  const json = async (...args: string[]) => {
    const ended = await run(...args, '--json', '-q');
    return { code: ended.code, data: JSON.parse(ended.stdout) };
  };

  it('makes templates of a guest and of an image, clones them, and finds and repairs a double', async () => {
    const guests = join(root, 'd/guesthouse/guests');
    const tree = join(root, 'tree');
    await makeTree(tree);
    for (const name of ['one', 'twin']) {
      const folder = join(guests, `${name}-00000000`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      define(folder, name, makeDisk(folder, tree, { format: 'raw', table: 'none', fs: 'ext4' }));
    }
    const image = join(root, 'image.raw');
    await copyFile(join(guests, 'one-00000000/disk.raw'), image);

    // One tree, two machines: a double until one is repaired.
    const doubles = await run('identity', 'audit');
    expect(doubles).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Same machine-id .*one, twin/m),
    });
    const dry = await run('identity', 'repair', 'twin', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('/etc/machine-id') });
    expect((await run('identity', 'audit')).code).toBe(1);
    expect((await run('identity', 'repair', 'twin')).code).toBe(0);
    const { code, data: report } = await json('identity', 'audit');
    expect(report.groups.filter((group: { severity: string }) => group.severity === 'problem')).toEqual([]);
    expect(code).toBe(0);

    const plan = await json('template', 'make', 'one', '--dry-run');
    expect(plan.data.changes.map((change: { path: string }) => change.path)).toContain('/etc/machine-id');
    expect(await readdir(guests)).toContain('one-00000000');
    expect(await run('template', 'make', 'one', '--keep', '--name', 'kept')).toMatchObject({ code: 0 });
    expect((await run('template', 'make', 'one', '--from-image', image)).code).toBe(4);
    expect((await run('template', 'make', 'x', '--from-image', image, '--keep')).code).toBe(2);
    expect((await run('template', 'make', 'x', '--from-image', join(root, 'none'))).code).toBe(3);
    expect(await run('create', 'x', '--from-image', '/etc/passwd')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no disk image[\s\S]*passwd is text/),
    });
    expect(await run('template', 'make', 'direct', '--from-image', image)).toMatchObject({ code: 0 });
    const odd = join(root, 'odd.raw');
    await writeFile(odd, Buffer.alloc(1 << 20, 0xa5));
    const refused = await run('template', 'make', 'odd', '--from-image', odd);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No file system was recognised'),
    });
    // Nothing is left of the guests in between, and the image is as it was.
    expect((await readdir(guests)).sort()).toEqual(['one-00000000', 'twin-00000000']);
    expect((await readFile(image)).equals(await readFile(join(guests, 'one-00000000/disk.raw')))).toBe(true);
    const names = (await json('template', 'list')).data.map((one: { name: string }) => one.name);
    expect(names).toEqual(['direct', 'kept']);

    const planned = await json('clone', 'direct', '--name', 'web-{1..2}', '--dry-run');
    expect(planned.data.items).toHaveLength(2);
    expect((await readdir(guests)).length).toBe(2);
    const made = await json('clone', 'direct', '--name', 'web-{1..2}', '--full');
    expect(made.data.map((one: { status: string }) => one.status)).toEqual(['made', 'made']);
    expect((await run('clone', 'kept', '--name', 'web-1')).code).toBe(4);
    const after = await json('identity', 'audit');
    expect(after.code).toBe(0);
    const web = after.data.rows.filter((row: { name: string }) => row.name.startsWith('web-'));
    expect(web.map((row: { facts: { hostname: string } }) => row.facts.hostname).sort()).toEqual([
      'web-1',
      'web-2',
    ]);
    expect(new Set(web.map((row: { facts: { machineId: string } }) => row.facts.machineId)).size).toBe(2);
    expect((await run('template', 'delete', 'direct', '--yes')).code).toBe(0);

    expect(await run('snapshot', 'take', 'web-2', 'first')).toMatchObject({ code: 0 });
    const kept = async () => JSON.parse((await run('snapshot', 'list', 'web-2', '--json')).stdout).snapshots;
    expect(await run('snapshot', 'delete', 'web-2', 'first')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
    expect(await kept()).toMatchObject([{ name: 'first' }]);
    expect((await run('snapshot', 'delete', 'web-2', 'second')).code).toBe(3);
    expect((await run('snapshot', 'delete', 'web-2', 'first', '--yes')).stdout).toContain('is deleted');
    expect(await kept()).toEqual([]);

    // Its definition still names the original's disk: only the copy's own is read and written.
    const original = (await readdir(guests)).find((name) => name.startsWith('web-1'))!;
    const [disk] = (await readdir(join(guests, original))).filter((name) => /\.(qcow2|raw)$/.test(name));
    const before = await readFile(join(guests, original, disk!));
    await cp(join(guests, original), join(guests, 'by-hand'), { recursive: true });
    const copied = await run('identity', 'audit');
    expect(copied).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Same machine-id .*by-hand, web-1$/m),
    });
    const repaired = await run('identity', 'repair', 'by-hand');
    expect(repaired).toMatchObject({ code: 0, stdout: expect.stringMatching(/ UUID: .* -> /) });
    expect(repaired.stdout).toMatch(/ MAC: 52:54:00:/);
    expect((await readFile(join(guests, original, disk!))).equals(before)).toBe(true);
    expect((await run('identity', 'audit')).code).toBe(0);
  });
});

describe('groups', () => {
  it('hold programs, which outlive each command, and say what they cannot', async () => {
    for (const wrong of [
      ['--memory', 'lots'],
      ['--cpus', 'x'],
      ['--disk', '/dev/vda:speed=1'],
    ])
      expect((await run('group', 'create', 'x', ...wrong)).code, wrong.join(' ')).toBe(2);
    expect((await run('group', 'show', 'nobody')).code).toBe(3);
    const host = await run('group', 'host');
    if (host.code !== 0) {
      // An ordinary user without a manager, on a machine that delegated nothing: said, and how to get it.
      expect(host.stdout).toMatch(/Run Guesthouse as root|delegated|loginctl|Have root|dbus-user-session/);
      expect((await run('group', 'create', 'x')).code).toBe(1);
      expect((await run('group', 'list')).stdout).toContain('No groups');
      return;
    }
    expect(host.stdout).toMatch(/^Network +no /m);
    const made = await run('group', 'create', 'Build', '--tasks', '20', '--memory', '64', '--swap', '0');
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('Made the group Build.') });
    expect((await run('group', 'create', 'build')).code).toBe(4);
    expect((await run('group', 'create', 'in', '--in', 'Build', '--cpus', '0.5')).code).toBe(0);
    expect((await run('group', 'remove', 'build')).code).toBe(4);
    expect((await run('group', 'remove', 'in')).code).toBe(0);

    // The home folder, where programs start, is not there in this test until now.
    const nowhere = await run('group', 'start', 'build', '--', 'sleep', '300');
    expect(nowhere).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`no folder ${join(root, 'h')}`),
    });
    await mkdir(join(root, 'h'));
    const begun = await run('group', 'start', 'build', '--name', 'nap', '--json', '--', 'sleep', '300');
    const { id, pid } = JSON.parse(begun.stdout);
    try {
      const show = async () => JSON.parse((await run('group', 'show', 'build', '--json')).stdout);
      const group = await show();
      expect(await readFile(`/proc/${pid}/cgroup`, 'utf8')).toContain(group.id.split('-')[0]);
      expect(group.members).toMatchObject([{ id, name: 'nap', state: 'running', pid }]);
      // What is not named stays.
      expect((await run('group', 'set', 'build', '--memory', '96M', '--tasks', 'none')).code).toBe(0);
      expect((await show()).limits).toMatchObject({ memoryMax: 96 << 20, tasksMax: null, swapMax: 0 });
      const [{ path: disk }] = JSON.parse((await run('group', 'host', '--json')).stdout).devices;
      expect((await run('group', 'set', 'build', '--disk', `${disk}:rbps=2M,wiops=90`)).code).toBe(0);
      expect((await show()).limits.io).toMatchObject([{ device: disk, readBytes: 2 << 20, writeOps: 90 }]);
      expect((await run('group', 'set', 'build', '--disk', `${disk}:none`)).code).toBe(0);
      expect((await show()).limits.io).toEqual([]);
      expect((await run('group', 'set', 'build', '--disk', '/dev/none:rbps=1M')).code).toBe(2);
      expect((await run('group', 'rename', 'build', 'Night')).code).toBe(0);
      expect((await run('group', 'list')).stdout).toMatch(/^Night .* of 96 MB +nap$/m);
      expect((await run('group', 'out', 'night', 'nap')).code).toBe(0);
      expect(existsSync(`/proc/${pid}`)).toBe(true);
      expect((await run('group', 'move', 'night', String(pid))).stdout).toContain('sleep is in Night.');
      expect((await run('group', 'move', 'night', '1')).code).toBe(2);
      expect((await run('group', 'end', 'night', 'sleep')).code).toBe(0);
      const said = await run('group', 'start', 'night', '--', 'sh', '-c', 'echo heard; exec sleep 300');
      expect(said.stdout).toMatch(/^Started as app-/);
      expect((await run('group', 'log', 'night', 'sh')).stdout).toBe('heard\n');
      expect((await run('group', 'end', 'night', 'sh', '--force')).code).toBe(0);
      expect((await run('group', 'again', 'night', 'nobody')).code).toBe(3);
      expect((await run('group', 'again', 'night', 'sh')).code).toBe(0);
      expect((await run('group', 'end', 'night', 'sh', '--force')).code).toBe(0);
      expect((await run('group', 'remove', 'night')).code).toBe(0);
    } finally {
      if (existsSync(`/proc/${pid}/exe`)) process.kill(pid, 'SIGKILL');
    }
  });
});

describe('the console', () => {
  /** Runs a shell script in a real terminal, in which `guesthouse` is the command line. */
  function terminal(script: string) {
    // The pty comes from util-linux, so that this test and the program share no code.
    const quoted = `'${process.execPath}' '${join(out, 'cli.cjs')}'`;
    const child = spawn('script', ['-qec', `guesthouse() { ${quoted} "$@"; }; ${script}`, '/dev/null'], {
      env: { ...env(), SHELL: '/bin/sh', TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const ended = new Promise<number | null>((done) => child.on('close', done));
    return { type: (keys: string) => child.stdin.write(keys), text: () => text, ended };
  }

  it('waits for a guest that is off, connects when it starts, leaves at Ctrl-] and gives the terminal back', async () => {
    await guest('tiny-6f1b1d1e', 'Tiny', uuid);
    const tty = terminal('stty -g; guesthouse console tiny; echo "left $?"; stty -g');
    await until(() => tty.text().includes('opens when it starts'));
    // The console's process owns the library: this one is its client.
    expect((await run('start', 'tiny')).code).toBe(0);
    await until(() => tty.text().includes('SeaBIOS') || tty.text().includes('Waiting for the serial port'));
    tty.type('\x1d');
    await tty.ended;
    const lines = tty.text().split(/\r?\n/);
    const modes = lines.filter((line) => /^[0-9a-f]+(:[0-9a-f]+)+$/.test(line));
    expect(modes).toHaveLength(2);
    expect(modes[0]).toBe(modes[1]);
    expect(tty.text()).toContain('left 0');
    expect((await run('stop', 'tiny', '--force')).code).toBe(0);
  });
});
