/** The door to disk images: looking into them, changing files in them, and making them, without starting a guest. */

export { copyImage } from './copy.ts';
export type { EditOptions, EditPlan, EditReport, WriteOptions } from './edit.ts';
export { countEspSeeds, refreshEspSeed } from './esp-seed.ts';
export { ExportDaemon } from './export-daemon.ts';
export { type ForeignImage, inspectForeign } from './foreign.ts';
export { cleanStaleExports } from './fuse-export.ts';
export { type GuestRoot, openGuestDisk, UnsupportedDiskError, type Volume } from './guestfs.ts';
export {
  type DiskRef,
  type ImageFormat,
  type ImageInfo,
  type ImagePolicy,
  inspectChain,
  inspectImage,
  standAlone,
  withinFolders,
} from './image.ts';
export { type ImageUse, imageUse, isInUse } from './in-use.ts';
export type { ExtractedKernel, ExtractOptions, GuestKernel } from './kernels.ts';
export { createOverlay } from './overlay.ts';
export type { PartitionTable } from './partitions.ts';
export { type ProbedFormat, plainlyNoDisk, probeFormat } from './probe.ts';
export {
  type ConvertSource,
  convertImage,
  createDisk,
  followBacking,
  growDisk,
  type JobControl,
} from './qemu-img.ts';
export type { FilesystemKind } from './signatures.ts';
export { applyTag, snapshotTags, tagImages, untagImages } from './snapshots.ts';
export { type GuestStat, type Tree, UnreadableMountError } from './tree.ts';
