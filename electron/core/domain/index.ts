export { completeDomain } from './complete.ts';
export { Domain } from './domain.ts';
export { type NvramStore, nvramOf, wantsUefi, withNvram } from './firmware.ts';
export {
  forwardElement,
  type NewDisk,
  type NewFirmware,
  type NewGuestSpec,
  newDomain,
  randomMac,
  rootPortElements,
} from './new.ts';
export { missingIn, type Offered } from './offered.ts';
export { type OutlineRow, outlineOf } from './outline.ts';
export { domainProblems, insideFolders } from './problems.ts';
export type { DomainProblem } from './problems-finder.ts';
export * from './properties/devices.ts';
export * from './properties/domain.ts';
export { type ListName, listNames } from './properties/lists.ts';
export * from './properties/metadata.ts';
export { declared, type Property } from './properties/types.ts';
export { relocated, relocatedWithDisks } from './relocate.ts';
export { canRun, runnable } from './supported.ts';
export type {
  BackingImage,
  DomainDisk,
  DomainInterface,
  DomainMetadata,
  Forward,
  GuestKind,
} from './views.ts';
export { el, type NewElement } from './xml/edit.ts';
