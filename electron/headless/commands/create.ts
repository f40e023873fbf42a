import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { CreateSpec, SourceImage } from '../../../shared/ipc/guests.ts';
import { shortages } from '../../../shared/model/fits.ts';
import type { Core } from '../../core/index.ts';
import { plain, size } from '../output.ts';
import type { Runner } from '../run.ts';

interface Options {
  from?: 'debian-12';
  fromImage?: string;
  fromIso?: string;
  fromOva?: string;
  fromCloud?: string;
  tpm?: boolean;
  mode?: 'copy' | 'link' | 'in-place';
  firmware?: 'bios' | 'uefi' | 'secure-boot';
  cpus?: number;
  memory?: number;
  disk?: number;
  kind?: 'full' | 'hybrid' | 'paravirtual';
  key?: string[];
  tag?: string[];
  user?: string;
  start?: boolean;
}

const collect = (value: string, before: string[] = []) => [...before, value];

export function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('A whole number is needed.');
  return Number(text);
}

/** `2G` or `512M` or a plain number of `unit`s, as a number of `unit`s. */
export function amount(unit: 'M' | 'G'): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*([MGT])?(?:i?B)?$/i.exec(text);
    if (!match) throw new InvalidArgumentError('A size is needed, such as 2G.');
    const powers = { M: 1, G: 1024, T: 1024 * 1024 };
    const given = (match[2]?.toUpperCase() ?? unit) as 'M' | 'G' | 'T';
    const value = (Number(match[1]) * powers[given]) / powers[unit];
    if (!Number.isInteger(value) || value < 1)
      throw new InvalidArgumentError(`It must come to a whole number of ${unit === 'M' ? 'MiB' : 'GiB'}.`);
    return value;
  };
}

/** The public keys in a file, one a line. @throws {GuesthouseError} for what is none, above all a private key */
export function publicKeysIn(file: string): string[] {
  let text: string;
  try {
    if (statSync(file).size > 64 << 10)
      throw new GuesthouseError('invalid-input', `${file} is too large for a public key.`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof GuesthouseError) throw error;
    throw new GuesthouseError('not-found', `The key file ${file} cannot be read.`, {
      why: (error as Error).message,
      cause: error,
    });
  }
  if (/PRIVATE KEY/.test(text))
    throw new GuesthouseError('invalid-input', `${file} is a private key.`, {
      todo: `Give the public one, mostly ${file}.pub.`,
    });
  const keys = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (
    keys.length === 0 ||
    !keys.every((line) => /(^|\s)(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]+/.test(line))
  )
    throw new GuesthouseError('invalid-input', `${file} holds no public SSH key.`);
  return keys;
}

function sourceOf(options: Options): CreateSpec['from'] {
  const { from, fromImage, fromIso, fromOva, fromCloud, mode, firmware } = options;
  if ([from, fromImage, fromIso, fromOva, fromCloud].filter((one) => one !== undefined).length !== 1)
    throw new GuesthouseError('invalid-input', 'One source is needed.', {
      todo: 'Give --from debian-12, --from-image FILE, --from-iso FILE, --from-ova FILE or --from-cloud ID.',
    });
  if ((mode !== undefined && fromImage === undefined) || (firmware !== undefined && from !== undefined))
    throw new GuesthouseError('invalid-input', 'These options do not go together.', {
      why: '--mode is for images, --firmware for images, ISOs and OVAs.',
    });
  if (options.user !== undefined && (from !== undefined || fromCloud !== undefined))
    throw new GuesthouseError('invalid-input', 'These options do not go together.', {
      why: 'Systems Guesthouse knows have a login user of their own: --user is for images, ISOs and OVAs.',
    });
  const more = firmware === undefined ? {} : { firmware };
  if (fromImage !== undefined)
    return { kind: 'image', path: resolve(fromImage), ...(mode === undefined ? {} : { mode }), ...more };
  if (fromIso !== undefined) return { kind: 'iso', path: resolve(fromIso), ...more };
  if (fromOva !== undefined) return { kind: 'ova', path: resolve(fromOva), ...more };
  if (fromCloud !== undefined) return { kind: 'cloud', id: fromCloud, ...more };
  return { kind: 'starter', id: from! };
}

type Suggested = Partial<CreateSpec> & { name?: string };

/** What an OVA says its machine needs, or what the system on an image or medium wants; options given by hand win. */
export function suggestedBy({ ova, system, format }: SourceImage): Suggested {
  if (ova) return { name: ova.name, vcpus: ova.vcpus, memory: ova.memory, kind: system?.kind ?? 'full' };
  if (!system) return {};
  const { kind, memory, disk } = system;
  return { kind, memory, ...(format === 'iso' ? { diskSize: disk } : {}) };
}

/** What this computer may not have enough of for it, a sentence each. */
async function warningsOf(core: Core, spec: CreateSpec, source: SourceImage | null): Promise<string[]> {
  const copied =
    spec.from.kind === 'ova' || (spec.from.kind === 'image' && (spec.from.mode ?? 'copy') === 'copy');
  const there = source?.virtualSize ?? 0;
  const wanted = {
    vcpus: spec.vcpus ?? 2,
    memory: spec.memory ?? 1024,
    diskNow: copied ? there : 0,
    diskLater: Math.max((spec.diskSize ?? 0) * 2 ** 30, there),
  };
  return shortages(wanted, await core.call('host.report', {}), size);
}

export function registerCreate(program: Command, runner: Runner): void {
  const create = runner
    .define(program, 'create', 'Make a guest')
    .argument('<name>', 'what it is called')
    .addOption(new Option('--from <source>', 'a system Guesthouse builds').choices(['debian-12']))
    .option('--from-image <file>', 'a disk image: raw, qcow2, VMDK, VDI, VHDX, VHD')
    .option('--from-iso <file>', 'an installation medium, with an empty disk')
    .option('--from-cloud <id>', 'a cloud image, downloaded and checked first (see: cloud-images)')
    .option('--from-ova <file>', 'a machine another program exported (OVF 1.x)')
    .addOption(
      new Option('--mode <how>', 'what becomes of the image (copy)').choices(['copy', 'link', 'in-place']),
    )
    .addOption(
      new Option('--firmware <kind>', 'of a guest from an image or ISO (bios), or OVA (as it says)').choices([
        'bios',
        'uefi',
        'secure-boot',
      ]),
    )
    .option('--cpus <n>', 'processors (2)', whole)
    .option('--memory <size>', 'memory, in MiB or such as 2G (1024)', amount('M'))
    .option('--disk <size>', 'size the disk is grown to, in GiB', amount('G'))
    .addOption(
      new Option('--kind <kind>', 'how hardware is presented').choices(['full', 'hybrid', 'paravirtual']),
    )
    .option('--tpm', 'give it a TPM 2.0')
    .option('--key <file>', 'public key file that may log in (again for more)', collect)
    .option('--user <user>', 'whom to log in as, of a guest from an image, ISO or OVA')
    .option('--tag <tag>', 'tag (again for more)', collect)
    .option('--start', 'start it when it is made');
  const clouds = runner.define(program, 'cloud-images', 'List the cloud images there are');
  runner.action<[]>(clouds, async ({ core }) => {
    const images = await core.call('cloudImages.list', undefined);
    const lines = images.map(
      ({ id, name, cached, tried, signatureChecked }) =>
        `${id.padEnd(14)} ${name.padEnd(28)} ${cached ? 'downloaded' : '-'.padEnd(10)}  ${signatureChecked ? 'signature checked' : 'signature not checked'}${tried ? '' : ', not tried'}`,
    );
    return { data: images, text: lines.join('\n') };
  });
  runner.action<[string]>(create, async ({ core, follow, say }, name) => {
    const options = create.opts<Options>();
    const from = sourceOf(options);
    const source = 'path' in from ? await core.call('guests.inspectSource', { path: from.path }) : null;
    const said = source ? suggestedBy(source) : {};
    if (source?.system) say(plain(`Looks like ${source.system.name}.`));
    const spec: CreateSpec = {
      ...said,
      name,
      from,
      ...(options.cpus === undefined ? {} : { vcpus: options.cpus }),
      ...(options.memory === undefined ? {} : { memory: options.memory }),
      ...(options.disk === undefined ? {} : { diskSize: options.disk }),
      ...(options.kind === undefined ? {} : { kind: options.kind }),
      tpm: options.tpm ?? false,
      authorizedKeys: (options.key ?? []).flatMap(publicKeysIn),
      tags: options.tag ?? [],
      ...(options.user === undefined ? {} : { user: options.user }),
      start: options.start ?? false,
    };
    for (const warning of await warningsOf(core, spec, source)) say(`Note: ${warning}`);
    let id = '';
    await follow(async () => {
      const started = await core.call('guests.create', spec);
      id = started.id;
      return started;
    });
    const { guests } = await core.call('core.snapshot', undefined);
    const guest = guests.find((one) => one.id === id) ?? null;
    const keyless = options.from !== undefined && options.key === undefined;
    const ssh = options.from === undefined || keyless ? '' : ' --wait ssh';
    const next = options.start ? `guesthouse console ${name}` : `guesthouse start ${name}${ssh}`;
    const hint = keyless
      ? '\nNo key may log in over SSH: log in at its console, or make it with --key FILE.pub.'
      : '';
    return { data: guest, text: `Made ${name}. Next: ${next}${hint}` };
  });
}
