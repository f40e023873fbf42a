/**
 * Names people give. A name is a label: it never becomes a path or an option. Still it is kept to what a list, a
 * terminal and an ssh alias can show.
 */

/** Code points in a name. */
export const maxNameLength = 80;

/**
 * Why `name` cannot be a guest's or template's name, as a sentence, or null when it can.
 * Emoji and other scripts are fine; control characters, path separators, leading dashes and outer blanks are not.
 */
export function nameProblem(name: string): string | null {
  if (name.trim() === '') return 'Enter a name.';
  if (name !== name.trim()) return 'A name cannot begin or end with a space.';
  if ([...name].length > maxNameLength) return `A name can have at most ${maxNameLength} characters.`;
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|[\u202a-\u202e\u2066-\u2069]/u.test(name))
    return 'A name cannot hold line breaks or invisible control characters.';
  if (/[/\\]/.test(name)) return 'A name cannot hold / or \\.';
  if (name.startsWith('-')) return 'A name cannot begin with a dash.';
  if (name.startsWith('.')) return 'A name cannot begin with a dot.';
  if (name.includes(',')) return 'A name cannot hold a comma.';
  return null;
}

/** True for a valid host name label string (RFC 1123), at most 64 characters as Linux allows. */
export function isHostname(text: string): boolean {
  return (
    text.length <= 64 &&
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text)
  );
}

/** A host name made from a guest's name: lower case, other characters to dashes; `guest` when nothing is left. */
export function hostnameFrom(name: string): string {
  const label = name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return label || 'guest';
}
