import type * as z from 'zod';
import type { createSpec } from '../../../shared/ipc/guests.ts';
import type { CloudImages } from './cloud/images.ts';
import type { LifecycleDeps } from './lifecycle.ts';

export type ParsedCreate = z.output<typeof createSpec>;

export interface CreateDeps extends LifecycleDeps {
  /** Names of guests and templates, to keep them apart. */
  readonly names: () => Promise<readonly string[]>;
  readonly cloud: CloudImages;
  readonly onStarterBuilt?: () => void;
}
