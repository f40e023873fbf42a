import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { facts, plain, size } from '../output.ts';
import type { Runner } from '../run.ts';

const marks = { ok: 'ok  ', warning: 'note', bad: 'BAD ', unknown: '?   ' } as const;

export function registerHost(program: Command, runner: Runner): void {
  const host = program.command('host').description('What this computer can do');
  const check = runner
    .define(host, 'check', 'Say whether guests can run here, and what to do if not')
    .option('--refresh', 'try everything again, KVM too');
  runner.action<[]>(check, async ({ core }) => {
    const report = await core.call('host.report', { refresh: check.opts().refresh === true });
    const verdicts = report.verdicts.flatMap((verdict) => [
      `${marks[verdict.status]}  ${plain(verdict.title)}: ${plain(verdict.summary)}`,
      ...(verdict.todo ? [`      ${plain(verdict.todo)}`] : []),
      ...(verdict.command ? [`      $ ${plain(verdict.command)}`] : []),
    ]);
    const text = facts([
      ['Processor', `${report.cpu.model}, ${report.cpu.threads} threads`],
      ['Memory', `${size(report.memory.available)} of ${size(report.memory.total)} available`],
      ['Disk', `${size(report.disk.free)} of ${size(report.disk.total)} free at ${report.disk.path}`],
      ['QEMU', report.qemu.version ?? 'not installed'],
      ['Guests run under', `${report.accelerator.chosen.toUpperCase()}. ${report.accelerator.why}`],
    ]);
    const bad = report.verdicts.some((verdict) => verdict.status === 'bad');
    return {
      data: report,
      text: [text, '', ...verdicts].join('\n'),
      code: bad ? exitCodes.failed : exitCodes.ok,
    };
  });
}
