import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { XmlCheck, XmlProblem } from '../../../shared/ipc/guests.ts';
import { decodeXml } from '../../core/index.ts';
import { exitCodes } from '../exit-codes.ts';
import { plain } from '../output.ts';
import type { Runner } from '../run.ts';
import { suggestedBy } from './create.ts';

const largest = 2 << 20;

function readXml(file: string): string {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > largest)
      throw new GuesthouseError('invalid-input', `${file} is no domain XML.`, {
        why: stat.isFile()
          ? `It has ${stat.size} bytes; at most ${largest} are read.`
          : 'It is no ordinary file.',
      });
    return decodeXml(readFileSync(file), file);
  } catch (error) {
    if (error instanceof GuesthouseError) throw error;
    throw new GuesthouseError('not-found', `${file} cannot be read.`, {
      why: (error as Error).message,
      cause: error,
    });
  }
}

/** `12  devices/disk/source  the image of vda is outside the library: /srv/a.qcow2` */
function problemLine({ line, path, reason, reaches }: XmlProblem): string {
  return `  line ${line}: ${path}: ${reason}${reaches === null ? '' : ` (${reaches})`}`;
}

function problemLines(problems: readonly XmlProblem[]): string[] {
  const unsupported = problems.filter((one) => one.kind === 'unsupported');
  const outside = problems.filter((one) => one.kind === 'outside');
  return [
    ...(unsupported.length > 0 ? ['Would not run, or has no effect:', ...unsupported.map(problemLine)] : []),
    ...(outside.length > 0
      ? [
          'Reaches outside the library, and is asked about before the first start:',
          ...outside.map(problemLine),
        ]
      : []),
  ];
}

function outlineText({ outline }: XmlCheck): string {
  const width = String(outline.at(-1)?.line ?? 1).length;
  return outline
    .map(({ line, depth, name, attributes, text }) => {
      const said = attributes
        .filter((one) => !one.name.startsWith('xmlns'))
        .map((one) => ` ${one.name}=${JSON.stringify(one.value)}`)
        .join('');
      const value = text === '' ? '' : `: ${text.replace(/\s*\n\s*/g, ' ⏎ ')}`;
      return `${String(line).padStart(width)}  ${'  '.repeat(depth)}${name}${said}${value}`;
    })
    .map(plain)
    .join('\n');
}

function invalid(file: string, check: XmlCheck): GuesthouseError {
  const { line, reason } = check.invalid!;
  return new GuesthouseError('xml-invalid', `${file} is no domain XML.`, {
    why: line === null ? reason : `Line ${line}: ${reason}.`,
  });
}

export function registerXml(program: Command, runner: Runner): void {
  const xml = program
    .command('xml')
    .description('Look at a libvirt domain XML before anything is done with it');

  const print = runner
    .define(xml, 'print', 'Print its outline, with line numbers')
    .argument('<file>', 'domain XML');
  runner.action<[string]>(print, async ({ core }, file) => {
    const check = await core.call('guests.checkXml', { xml: readXml(file) });
    if (check.invalid) throw invalid(file, check);
    return { data: check.outline, text: outlineText(check) };
  });

  const check = runner
    .define(
      xml,
      'check',
      'Say what would not run and what reaches outside; exit code 1: not valid, 6: some would not',
    )
    .argument('<file>', 'domain XML');
  runner.action<[string]>(check, async ({ core }, file) => {
    const found = await core.call('guests.checkXml', { xml: readXml(file) });
    if (found.invalid) throw invalid(file, found);
    const { schema, problems } = found;
    const words = {
      valid: ['libvirt’s schema: valid.'],
      invalid: [
        'libvirt’s schema: not valid.',
        ...schema.messages.map(({ line, text }) => `  line ${line ?? '?'}: ${text}`),
      ],
      unavailable: [`libvirt’s schema: not checked. ${schema.messages[0]?.text ?? ''}`.trim()],
    }[schema.state];
    const lines = [...words, ...problemLines(problems)];
    if (problems.length === 0) lines.push('All of it can be run, and nothing reaches outside.');
    const { outline: _, ...data } = found;
    return {
      data,
      text: lines.map(plain).join('\n'),
      code:
        schema.state === 'invalid'
          ? exitCodes.failed
          : problems.length > 0
            ? exitCodes.findings
            : exitCodes.ok,
    };
  });

  const output = runner
    .define(program, 'export', "Give a guest's domain XML, as virsh define takes it")
    .argument('<name>', 'name, folder or UUID')
    .option('-o, --output <file>', 'write it there; an existing file is not overwritten');
  runner.action<[string]>(output, async ({ core, guest: find }, ref) => {
    const { id } = await find(ref);
    const answer = await core.call('guests.exportXml', { id });
    const file = output.opts<{ output?: string }>().output;
    // The text itself ends with the newline that printing would add: without it nothing of the bytes changes.
    if (file === undefined) return { data: answer, text: answer.xml.replace(/\n$/, '') };
    try {
      writeFileSync(file, answer.xml, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
      throw new GuesthouseError(there ? 'name-taken' : 'no-permission', `${file} cannot be written.`, {
        why: there ? 'It exists already.' : (error as Error).message,
        cause: error,
      });
    }
    return { data: { ...answer, file: resolve(file) }, text: `Wrote ${plain(resolve(file))}.` };
  });

  const take = runner
    .define(program, 'import', 'Make a guest of a libvirt domain XML or of an OVA')
    .argument('<file>', 'domain XML, as virsh dumpxml writes it; or an OVA')
    .option('--name <name>', 'another name than the XML says')
    .addOption(
      new Option('--disks <how>', 'its disks: used where they are, copied, or overlays on them')
        .choices(['reference', 'copy', 'link'])
        .default('reference'),
    )
    .option(
      '--allow <path>',
      'allow this thing outside the library (again for more)',
      (one: string, all: string[]) => [...all, one],
      [],
    )
    .option('--nearest', 'take the nearest machine type and processor model where QEMU here lacks its own');
  runner.action<[string]>(take, async ({ core, follow }, file) => {
    const options = take.opts<{
      name?: string;
      disks: 'reference' | 'copy' | 'link';
      allow: string[];
      nearest?: boolean;
    }>();
    let id = '';
    let changes: readonly string[] = [];
    if (/\.ova$/i.test(file)) {
      const said = suggestedBy(await core.call('guests.inspectSource', { path: resolve(file) }));
      const name = options.name ?? said.name ?? 'imported';
      await follow(async () => {
        const started = await core.call('guests.create', {
          ...said,
          name,
          from: { kind: 'ova', path: resolve(file) },
        });
        ({ id } = started);
        return started;
      });
      const { guest } = await core.call('guests.detail', { id });
      return { data: { guest, changes: [], problems: [] }, text: `Imported ${plain(name)}.` };
    }
    await follow(async () => {
      const started = await core.call('guests.importXml', {
        xml: readXml(file),
        ...(options.name === undefined ? {} : { name: options.name }),
        disks: options.disks,
        agreed: options.allow,
        nearest: options.nearest === true,
      });
      ({ id, changes } = started);
      return started;
    });
    const { guest, problems } = await core.call('guests.detail', { id });
    const asked = problems.filter((one) => one.kind === 'outside' && !one.agreed);
    const lines = [
      `Imported ${guest.name}.`,
      ...changes,
      ...(guest.problem ? [guest.problem.message, guest.problem.why ?? ''] : []),
      ...problemLines([...problems.filter((one) => one.kind === 'unsupported'), ...asked]),
      ...(asked.length > 0 ? [`To allow that: guesthouse allow ${guest.name} PATH…`] : []),
    ];
    return {
      data: { guest, changes, problems },
      text: lines
        .filter((line) => line !== '')
        .map(plain)
        .join('\n'),
    };
  });

  const allow = runner
    .define(program, 'allow', 'Allow a guest to reach things outside the library; without any, list them')
    .argument('<name>', 'name, folder or UUID')
    .argument('[what...]', 'as the list names them');
  runner.action<[string, string[]]>(allow, async ({ core, guest: find }, ref, what) => {
    const { id } = await find(ref);
    if (what.length > 0) await core.call('guests.allowOutside', { id, reaches: what });
    const { problems } = await core.call('guests.detail', { id });
    const outside = problems.filter((one) => one.kind === 'outside');
    const lines = outside.map((one) => `${one.agreed ? 'allowed' : 'asked  '}${problemLine(one)}`);
    return {
      data: outside,
      text: (lines.length > 0 ? lines : ['It reaches for nothing outside the library.'])
        .map(plain)
        .join('\n'),
    };
  });
}
