import type { Key } from '../../shared/model/key.ts';

/** A key's type as people write it, with the bits where they differ. */
export function typeWords({ type, bits }: Pick<Key, 'type' | 'bits'>): string {
  if (type === null) return 'unknown type';
  const name = type.replace('ED25519', 'Ed25519');
  return type.startsWith('ED25519') || bits === null ? name : `${name} ${bits}`;
}
