import type { Domain } from './domain.ts';
import { domainProps } from './properties/domain.ts';
import { metaProps } from './properties/metadata.ts';
import { isMicrovm } from './views.ts';

export interface NvramStore {
  /** Absolute path of the guest's variable store. */
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
}

/** The variable store the XML names, in `<nvram>` itself or in a `<source>` below (libvirt 8.5 and newer); null for none. */
export function nvramOf(domain: Domain): NvramStore | null {
  const file = domain.get(domainProps.nvram) ?? domain.get(domainProps.nvramSource);
  const type = domain.get(domainProps.nvramType) ?? 'file';
  if (file === null || file === '' || type !== 'file') return null;
  const format =
    domain.get(domainProps.nvramFormat) ??
    domain.get(metaProps.nvramFormat) ??
    domain.get(domainProps.nvramTemplateFormat) ??
    'raw';
  return { file: file.trim(), format };
}

/** The domain with another variable store (of another format), or without one, said where it was said before. */
export function withNvram(
  domain: Domain,
  file: string | null,
  format: NvramStore['format'] | null = null,
): Domain {
  if (file === null) return domain.set(metaProps.nvramFormat, null).set(domainProps.nvram, null);
  const property = domain.has(domainProps.nvramSource) ? domainProps.nvramSource : domainProps.nvram;
  const moved = domain.set(property, file);
  // libvirt has the attribute since 8.5; an older one would refuse it where it was not before.
  if (format === null || nvramOf(moved)?.format === format) return moved;
  return moved.set(
    moved.has(domainProps.nvramFormat) ? domainProps.nvramFormat : metaProps.nvramFormat,
    format,
  );
}

/** True for UEFI in flash; false for a BIOS, and for firmware as a ROM (`-bios`), which has no variable store. */
export function wantsUefi(domain: Domain): boolean {
  if (isMicrovm(domain.get(domainProps.machine))) return false;
  const type = domain.get(domainProps.loaderType);
  if (domain.has(domainProps.loader) && type !== null) return type === 'pflash';
  return domain.get(domainProps.firmware) === 'efi' || nvramOf(domain) !== null;
}
