import { Document } from 'yaml';

/**
 * YAML for cloud-init, which reads it with PyYAML: version 1.1, where `no`, `on` and `0644` are no strings. Written by
 * that version's rules, what must be a string is quoted.
 */
export function toYaml(value: unknown): string {
  return new Document(value, { version: '1.1', aliasDuplicateObjects: false }).toString({ lineWidth: 0 });
}
