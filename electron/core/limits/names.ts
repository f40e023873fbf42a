import { randomBytes } from 'node:crypto';

/** A group's id from its first name: `web-1a2b3c4d`. Letters, digits and dashes, whatever the name holds. */
export function groupId(name: string): string {
  const slug = name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return `${slug || 'group'}-${randomBytes(4).toString('hex')}`;
}

/**
 * A string as one part of a systemd unit name: what is not a letter, digit, `:`, `_` or `.` becomes `\xNN`, a `/`
 * becomes a dash (systemd.unit(5), "String escaping for inclusion in unit names"). A dash itself would nest a slice.
 */
export function systemdEscape(text: string): string {
  let out = '';
  for (const [index, byte] of [...Buffer.from(text, 'utf8')].entries()) {
    const char = String.fromCharCode(byte);
    if (char === '/') out += '-';
    else if (/[A-Za-z0-9:_.]/.test(char) && !(char === '.' && index === 0)) out += char;
    else out += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}

/** Where a group stands: its own id, below its parent's. */
export type Place = readonly [string] | readonly [parent: string, id: string];

/** The slice of a group: each dash that is not escaped is one level, below `guesthouse.slice`. */
export function sliceName(place: readonly string[]): string {
  return `${['guesthouse', ...place.map(systemdEscape)].join('-')}.slice`;
}

/** Its path below the manager's own control group: every level's slice, one in the other. */
export function slicePath(place: readonly string[]): string {
  const levels = [0, ...place.keys()].map((_, level) => sliceName(place.slice(0, level)));
  return [...levels.slice(0, place.length), sliceName(place)].join('/');
}

/** A member's control group below its group's, for the file systems. */
export const memberFolder = (member: string) => `m-${member}`;

/** A member's scope. The group's id is in it: who moves to another group has two for a moment. */
export const scopeName = (group: string, member: string) =>
  `guesthouse-${systemdEscape(group)}-${systemdEscape(member)}.scope`;

/** The container a child of a group's control group belongs to, or null: podman names it after the full id. */
export function containerOf(folder: string): string | null {
  return /^libpod-([0-9a-f]{64})(\.scope)?$/.exec(folder)?.[1] ?? null;
}
