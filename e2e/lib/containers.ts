import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import type { Bridge } from '../../shared/ipc/contract.ts';
import type { Container } from '../../shared/model/container.ts';
import { type Home, homeEnv } from './launch.ts';

/** Packs a root file system of busybox, as a person would bring one; returns the tar. */
export function packRoot(folder: string): string {
  const root = join(folder, 'root');
  for (const dir of ['bin', 'etc', 'tmp', 'proc', 'root']) mkdirSync(join(root, dir), { recursive: true });
  const program = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  copyFileSync(program, join(root, 'bin/busybox'));
  for (const applet of ['sh', 'ls', 'sleep', 'cat', 'echo', 'head', 'tail', 'wc', 'yes'])
    symlinkSync('busybox', join(root, 'bin', applet));
  const linked = spawnSync('ldd', [program], { encoding: 'utf8' }).stdout;
  for (const [, library] of linked.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)) {
    const target = join(root, library!.replace(/^\/usr/, ''));
    mkdirSync(join(target, '..'), { recursive: true });
    copyFileSync(library!, target);
  }
  const tar = join(folder, 'tiny-root.tar');
  execFileSync('tar', ['-C', root, '-cf', tar, '.']);
  return tar;
}

/** Removes these containers by id, through the app; what a test made it takes away again. */
export async function removeContainers(page: Page, names: readonly string[]): Promise<void> {
  await page.evaluate(async (wanted) => {
    const bridge = (window as unknown as { guesthouse: Bridge }).guesthouse;
    const found = await bridge.call('containers.list', { host: 'local' });
    if (!found.ok) return;
    for (const { id, name } of found.value as readonly Container[])
      if (wanted.includes(name)) await bridge.call('containers.remove', { id, force: true });
  }, names);
}

/** Without root podman keeps all in the test's home, with files of other ids and a process that holds its namespace. */
export function resetPodman(home: Home): void {
  if (process.getuid?.() === 0) return;
  spawnSync('podman', ['system', 'reset', '--force'], { env: { ...process.env, ...homeEnv(home) } });
}
