import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { SshConfigPreview } from '../../../shared/ipc/servers.ts';
import { answering } from '../answers.ts';
import { plain } from '../output.ts';
import type { Answer, Runner } from '../run.ts';

function configAnswer(preview: SshConfigPreview, said: string): Answer {
  const lines = [
    said,
    ...preview.refused.map(({ name, why }) => `Left out: ${name}. ${why}`),
    ...preview.warnings.map(({ why }) => `Mind: ${why}`),
  ];
  return { data: preview, text: plain(lines.join('\n')) };
}

export function registerSsh(program: Command, runner: Runner): void {
  const ssh = runner
    .define(program, 'ssh', 'Log in to a guest or server, or run a command there')
    .argument('<name>', 'guest or server')
    .argument('[command...]', 'each word arrives as it is; options of it after --')
    .option('--print', 'print the ssh command line instead of running it')
    .passThroughOptions();
  runner.action<[string, string[]]>(ssh, async (run, ref, words) => {
    // Passed through with the rest, since it stands behind the name.
    const command = words[0] === '--' ? words.slice(1) : words;
    const how = await run.core.call('ssh.command', { target: ref, ...(command.length ? { command } : {}) });
    if (ssh.opts<{ print?: boolean }>().print) return { data: how, text: how.line };
    if (how.kind === 'guest') {
      const guest = await run.guest(how.id);
      if (guest.pid === null)
        throw new GuesthouseError('wrong-state', `${guest.name} is not running.`, {
          todo: `Start it first: guesthouse start ${guest.name} --wait ssh`,
          subject: guest.id,
        });
      // A guest that still boots is waited for: its port answers long before its sshd does.
      await run.follow(() => run.core.call('guests.waitSsh', { id: guest.id }));
    }
    await answering(run, () => run.follow(() => run.core.call('ssh.prepare', { target: ref })));
    const [file, ...args] = how.argv;
    const capture = run.json;
    const out: Buffer[] = [];
    const code = await new Promise<number>((done, reject) => {
      const child = spawn(file!, args, { stdio: ['inherit', capture ? 'pipe' : 'inherit', 'inherit'] });
      child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
      child.on('error', (cause) =>
        reject(new GuesthouseError('program-missing', 'ssh could not be started.', { why: cause.message })),
      );
      child.on('close', (status) => done(status ?? 255));
    });
    return { data: { exitCode: code, stdout: Buffer.concat(out).toString('utf8') }, text: null, code };
  });

  const upload = runner
    .define(program, 'upload', 'Copy files to a guest or server by sftp')
    .argument('<name>', 'guest or server')
    .argument('<files...>', 'files and folders')
    .option('--to <folder>', 'folder there', '');
  runner.action<[string, string[]]>(upload, async (run, target, files) => {
    const folder = upload.opts<{ to: string }>().to;
    const full = files.map((file) => resolve(file));
    await answering(run, () =>
      run.follow(() => run.core.call('ssh.upload', { target, files: full, folder })),
    );
    return { data: { target, files: full, folder }, text: `Uploaded ${full.length} to ${plain(target)}.` };
  });

  const config = program
    .command('ssh-config')
    .description('An OpenSSH configuration of all guests and servers');
  const print = runner.define(config, 'print', 'Print it');
  runner.action<[]>(print, async ({ core }) => {
    const preview = await core.call('sshConfig.preview', undefined);
    return { ...configAnswer(preview, ''), text: preview.text.trimEnd() };
  });
  const write = runner.define(config, 'export', 'Write it where the Include line reads it');
  runner.action<[]>(write, async ({ core }) => {
    const preview = await core.call('sshConfig.export', undefined);
    return configAnswer(
      preview,
      preview.included ? preview.path : `${preview.path}\nTo use it: guesthouse ssh-config include --yes`,
    );
  });
  const include = runner
    .define(config, 'include', 'Put the Include line first in ~/.ssh/config')
    .option('--yes', 'do it');
  runner.action<[]>(include, async ({ core }) => {
    const preview = await core.call('sshConfig.preview', undefined);
    if (!include.opts<{ yes?: boolean }>().yes)
      throw new GuesthouseError('needs-consent', 'This would change ~/.ssh/config.', {
        why: `Its first line would be: ${preview.includeLine}`,
        todo: 'Say so with --yes. It can be undone: guesthouse ssh-config undo',
      });
    return configAnswer(await core.call('sshConfig.include', undefined), 'Included: "ssh NAME" works now.');
  });
  const undo = runner.define(config, 'undo', 'Take the Include line out of ~/.ssh/config again');
  runner.action<[]>(undo, async ({ core }) =>
    configAnswer(await core.call('sshConfig.undoInclude', undefined), 'The Include line is out.'),
  );
  const ansible = runner.define(program, 'ansible-inventory', 'Print an Ansible inventory (YAML)');
  runner.action<[]>(ansible, async ({ core }) => {
    const text = await core.call('ansible.export', undefined);
    return { data: { text }, text: text.trimEnd() };
  });
}
