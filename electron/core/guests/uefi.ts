import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { GuesthouseError } from '../../../shared/errors.ts';
import { convertImage, type ImagePolicy, inspectImage } from '../disks/index.ts';
import { type Domain, domainProps, nvramOf, wantsUefi } from '../domain/index.ts';
import { syncPath } from '../platform/fs.ts';
import type { QemuRun } from '../qemu/argv.ts';
import { type FirmwareImage, findUefi, readable, templateOf } from './firmware.ts';

type RunFirmware = NonNullable<QemuRun['firmware']>;

/** The firmware a guest's next run gets, and what has to be made for it. */
export interface FirmwarePlan {
  readonly firmware: RunFirmware;
  /** The guest has no variable store yet: it is made of this. */
  readonly template: FirmwareImage | null;
  /** What differs from the XML, for people. */
  readonly notes: readonly string[];
}

/**
 * Finds a UEFI guest's firmware on this computer, as libvirt does when it defines one: what the XML names where it is
 * there, else what QEMU's descriptors name. A variable store that is not there, or cannot be written to, becomes the
 * guest's own, in its folder.
 * @param folder the guest's; null when it has none yet
 * @returns null for a guest without UEFI, whose XML says all there is to say
 * @throws {GuesthouseError} `program-missing` when no firmware fits
 */
export async function planFirmware(domain: Domain, folder: string | null): Promise<FirmwarePlan | null> {
  if (!wantsUefi(domain)) return null;
  const machine = domain.get(domainProps.machine) ?? 'pc';
  const find = () => findUefi(machine, domain.get(domainProps.loaderSecure) === true);
  const notes: string[] = [];
  const loader = domain.get(domainProps.loader);
  const named = loader !== null && (await readable(loader)) ? loader : null;
  const found = named === null ? await find() : null;
  const code = named ? { file: named, format: domain.get(domainProps.loaderFormat) ?? 'raw' } : found!.code;
  if (loader !== null && named === null)
    notes.push(`The firmware ${loader} is not on this computer: ${code.file} takes its place.`);
  const made = (nvram: FirmwareImage, template: FirmwareImage | null): FirmwarePlan => ({
    firmware: {
      code: code.file,
      codeFormat: code.format,
      nvram: nvram.file,
      nvramFormat: nvram.format,
    },
    template,
    notes,
  });
  const store = nvramOf(domain);
  if (store && (await readable(store.file, true))) return made(store, null);
  const own = { file: path.join(folder ?? '/', 'nvram.qcow2'), format: 'qcow2' as const };
  if (store && store.file !== own.file)
    notes.push(`The variable store ${store.file} cannot be used here: the guest has one of its own.`);
  if (await readable(own.file, true)) return made(own, null);
  const said = domain.get(domainProps.nvramTemplate);
  const template =
    named && said && (await readable(said))
      ? { file: said, format: domain.get(domainProps.nvramTemplateFormat) ?? 'raw' }
      : (found?.template ?? (await templateOf(code.file)));
  if (!template)
    throw new GuesthouseError(
      'program-missing',
      'There is nothing to make the firmware’s variable store of.',
      {
        why: `The XML names no template for ${code.file} that is here, and no descriptor of QEMU knows that firmware.`,
        todo: 'Name one in <nvram template=…>, or take <loader> and <nvram> out and write <os firmware="efi">.',
      },
    );
  return made(own, template);
}

/** Judges what {@link planFirmware} found and makes the store where there is none. */
export async function prepareFirmware(plan: FirmwarePlan, policy: ImagePolicy): Promise<RunFirmware> {
  const { firmware, template } = plan;
  const judge = (file: string, format: 'raw' | 'qcow2') => inspectImage({ path: file, format }, policy);
  await judge(firmware.code, firmware.codeFormat);
  if (!template) await judge(firmware.nvram, firmware.nvramFormat);
  else {
    const temporary = `${firmware.nvram}.new`;
    await fs.rm(temporary, { force: true });
    await convertImage(
      { path: template.file, format: template.format },
      { path: temporary, format: 'qcow2' },
      policy,
    );
    await syncPath(temporary);
    await fs.rename(temporary, firmware.nvram);
  }
  return firmware;
}
