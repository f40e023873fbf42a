import { GuesthouseError } from '../../../shared/errors.ts';
import type { ImageInfo } from './image.ts';

/**
 * A blockdev that names every image of the chain and its format itself, so that QEMU opens nothing on its own.
 * @param unsafe leaves it to the caller to flush the files: QEMU then does so at no moment
 */
export function blockdevOf(
  chain: readonly ImageInfo[],
  readOnly = false,
  unsafe = false,
): Record<string, unknown> {
  const [top, ...below] = chain;
  if (!top) throw new GuesthouseError('internal', 'A chain without images.');
  const cache = unsafe ? { cache: { 'no-flush': true } } : {};
  const file = (filename: string) => ({ driver: 'file', filename, 'read-only': readOnly, ...cache });
  const node: Record<string, unknown> = {
    driver: top.format,
    'read-only': readOnly,
    file: file(top.path),
    ...cache,
  };
  if (top.format === 'qcow2') {
    node.backing = below.length > 0 ? blockdevOf(below, true) : null;
    if (top.dataFile !== null) node['data-file'] = file(top.dataFile);
  }
  return node;
}
