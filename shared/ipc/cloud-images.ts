import * as z from 'zod';
import type { CloudImage } from '../model/cloud-image.ts';
import { call } from './call.ts';
import type { cloudImageCalls } from './channels.ts';
import { cloudImageId } from './cloud-id.ts';
import type { Started } from './guests.ts';

export const cloudImageContract = {
  'cloudImages.list': call(z.undefined()).returns<readonly CloudImage[]>(),
  /** Downloads and checks it into the cache. One that was cut off goes on where it stopped. */
  'cloudImages.fetch': call(z.object({ id: cloudImageId })).returns<Started>(),
  /** Takes it out of the cache; guests made of it have disks of their own. */
  'cloudImages.discard': call(z.object({ id: cloudImageId })).returns<void>(),
} satisfies Record<(typeof cloudImageCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
