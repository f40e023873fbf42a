import { GuesthouseError } from '../../../shared/errors.ts';
import type { ImageInfo } from './image.ts';

/** A blockdev that names every image of the chain and its format itself, so that QEMU opens nothing on its own. */
export function blockdevOf(chain: readonly ImageInfo[], readOnly = false): Record<string, unknown> {
  const [top, ...below] = chain;
  if (!top) throw new GuesthouseError('internal', 'A chain without images.');
  const file = (filename: string) => ({ driver: 'file', filename, 'read-only': readOnly });
  const node: Record<string, unknown> = { driver: top.format, 'read-only': readOnly, file: file(top.path) };
  if (top.format === 'qcow2') {
    node.backing = below.length > 0 ? blockdevOf(below, true) : null;
    if (top.dataFile !== null) node['data-file'] = file(top.dataFile);
  }
  return node;
}
