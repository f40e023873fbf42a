import * as z from 'zod';

/** A cloud image's name in the catalog. */
export const cloudImageId = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,40}$/, 'There is no such cloud image.');
