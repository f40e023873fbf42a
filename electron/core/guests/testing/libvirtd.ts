import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

/** A libvirtd of the tests' own, as `qemu:///session` has it: an ordinary user's, in folders that go away. */
export interface Libvirtd {
  /** Writes the XML where libvirtd can read it and defines it, checked against the schema. Returns what it printed. */
  define(xml: string): string;
  /** What libvirt keeps of a domain. */
  dump(name: string): string;
  undefine(name: string): void;
  close(): Promise<void>;
}

/** libvirtd of root is the whole computer's: root's tests run it as nobody. */
const nobody = 65534;

export async function startLibvirtd(): Promise<Libvirtd> {
  const root = mkdtempSync(path.join(tmpdir(), 'gh-lv-'));
  const asRoot = process.getuid?.() === 0;
  const env: Record<string, string> = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  for (const [name, dir] of [
    ['HOME', 'h'],
    ['XDG_RUNTIME_DIR', 'r'],
    ['XDG_CONFIG_HOME', 'c'],
    ['XDG_CACHE_HOME', 'k'],
    ['XDG_DATA_HOME', 'd'],
  ] as const) {
    env[name] = path.join(root, dir);
    mkdirSync(env[name], { mode: 0o700 });
    if (asRoot) chownSync(env[name], nobody, nobody);
  }
  if (asRoot) chownSync(root, nobody, nobody);
  const argv = (program: string, ...args: string[]): [string, string[]] =>
    asRoot
      ? ['setpriv', [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', program, ...args]]
      : [program, args];
  const virsh = (...args: string[]) => {
    const [program, rest] = argv('virsh', '-q', '-c', 'qemu:///session', ...args);
    const { status, stdout, stderr, error } = spawnSync(program, rest, { env, encoding: 'utf8' });
    if (error) throw error;
    return { status, stdout, stderr };
  };
  const must = (...args: string[]) => {
    const { status, stdout, stderr } = virsh(...args);
    if (status !== 0) throw new Error(`virsh ${args[0]}: ${stderr}`);
    return stdout;
  };

  const [program, args] = argv('libvirtd');
  const daemon = spawn(program, args, { env, stdio: 'ignore' });
  const ended = new Promise<void>((done) => daemon.once('exit', () => done()));
  while (virsh('version').status !== 0) {
    if (daemon.exitCode !== null) throw new Error(`libvirtd ended with ${daemon.exitCode}.`);
    await new Promise((done) => setTimeout(done, 100));
  }
  return {
    define(xml) {
      const file = path.join(root, 'domain.xml');
      writeFileSync(file, xml);
      if (asRoot) chownSync(file, nobody, nobody);
      return must('define', '--validate', file);
    },
    dump: (name) => must('dumpxml', name),
    undefine: (name) => void must('undefine', '--keep-nvram', name),
    async close() {
      daemon.kill('SIGTERM');
      await ended;
      rmSync(root, { recursive: true, force: true });
    },
  };
}
