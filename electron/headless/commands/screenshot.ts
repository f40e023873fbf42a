import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import { plain } from '../output.ts';
import type { Runner } from '../run.ts';

export function registerScreenshot(program: Command, runner: Runner): void {
  const shot = runner
    .define(program, 'screenshot', "Take a picture of a running guest's screen, as PNG")
    .argument('<name>', 'name, folder or UUID')
    .requiredOption('-o, --output <file>', 'write it there; an existing file is not overwritten');
  runner.action<[string]>(shot, async ({ core, guest: find }, ref) => {
    const { id, name } = await find(ref);
    const { width, height, png } = await core.call('guests.screenshot', { id });
    const file = resolve(shot.opts<{ output: string }>().output);
    try {
      writeFileSync(file, Buffer.from(png, 'base64'), { flag: 'wx', mode: 0o600 });
    } catch (error) {
      const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
      throw new GuesthouseError(there ? 'name-taken' : 'no-permission', `${file} cannot be written.`, {
        why: there ? 'It exists already.' : (error as Error).message,
        cause: error,
      });
    }
    return { data: { id, file, width, height }, text: plain(`${name}: ${width}×${height}, ${file}`) };
  });
}
