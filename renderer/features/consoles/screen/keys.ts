/** A key of a keyboard: its X keysym, and its place after UI Events' `code`, which is what QEMU prefers. */
export interface Key {
  readonly keysym: number;
  readonly code: string;
}
/** What presses them: noVNC's RFB. */
export interface Keyboard {
  sendKey(keysym: number, code: string, down?: boolean): void;
}

const ctrl: Key = { keysym: 0xffe3, code: 'ControlLeft' };
const alt: Key = { keysym: 0xffe9, code: 'AltLeft' };
const shift: Key = { keysym: 0xffe1, code: 'ShiftLeft' };
const superKey: Key = { keysym: 0xffeb, code: 'MetaLeft' };
const enter: Key = { keysym: 0xff0d, code: 'Enter' };
const tab: Key = { keysym: 0xff09, code: 'Tab' };
const functionKey = (n: number): Key => ({ keysym: 0xffbd + n, code: `F${n}` });

/** Keys that this computer would keep for itself, to send from a menu. */
export const chords: readonly { readonly label: string; readonly keys: readonly Key[] }[] = [
  { label: 'Ctrl+Alt+Del', keys: [ctrl, alt, { keysym: 0xffff, code: 'Delete' }] },
  ...[1, 2, 3, 4, 5, 6].map((n) => ({ label: `Ctrl+Alt+F${n}`, keys: [ctrl, alt, functionKey(n)] })),
  { label: 'Alt+Tab', keys: [alt, tab] },
  { label: 'Alt+F4', keys: [alt, functionKey(4)] },
  { label: 'Ctrl+Esc', keys: [ctrl, { keysym: 0xff1b, code: 'Escape' }] },
  { label: 'Super', keys: [superKey] },
  { label: 'Print Screen', keys: [{ keysym: 0xff61, code: 'PrintScreen' }] },
];

/** All down in order, then up again in the other. */
export function press(keyboard: Keyboard, keys: readonly Key[]): void {
  for (const { keysym, code } of keys) keyboard.sendKey(keysym, code, true);
  for (const { keysym, code } of [...keys].reverse()) keyboard.sendKey(keysym, code, false);
}

// A US keyboard: each place with its plain and its shifted character. The guest's own layout decides what it reads.
const places: readonly (readonly [string, string])[] = [
  ['Backquote', '`~'],
  ...[...'1!2@3#4$5%6^7&8*9(0)'.matchAll(/(.)(.)/g)].map((pair) => [`Digit${pair[1]}`, pair[0]] as const),
  ['Minus', '-_'],
  ['Equal', '=+'],
  ['BracketLeft', '[{'],
  ['BracketRight', ']}'],
  ['Backslash', '\\|'],
  ['Semicolon', ';:'],
  ['Quote', '\'"'],
  ['Comma', ',<'],
  ['Period', '.>'],
  ['Slash', '/?'],
  ...[...'abcdefghijklmnopqrstuvwxyz'].map(
    (letter) => [`Key${letter.toUpperCase()}`, letter + letter.toUpperCase()] as const,
  ),
];
const byCharacter = new Map<string, readonly Key[]>(
  places.flatMap(([code, [plain = '', shifted = '']]) => [
    [plain, [{ keysym: plain.charCodeAt(0), code }]],
    [shifted, [shift, { keysym: shifted.charCodeAt(0), code }]],
  ]),
);
byCharacter.set(' ', [{ keysym: 0x20, code: 'Space' }]);
byCharacter.set('\n', [enter]);
byCharacter.set('\t', [tab]);

/** A key held while the focus goes elsewhere is released there, and the guest would hold it for ever. */
export function letGo(keyboard: Keyboard): void {
  for (const { keysym, code } of [ctrl, alt, shift, superKey]) {
    keyboard.sendKey(keysym, code, false);
    // The right one of a pair follows its left one in X's table.
    keyboard.sendKey(keysym + 1, code.replace('Left', 'Right'), false);
  }
}

/** How a text is typed on a US keyboard, and the characters that are not on it. Line ends become Enter. */
export function keysFor(text: string): {
  readonly strokes: readonly (readonly Key[])[];
  readonly missing: readonly string[];
} {
  const strokes: (readonly Key[])[] = [];
  const missing = new Set<string>();
  for (const character of text.replace(/\r\n?/g, '\n')) {
    const keys = byCharacter.get(character);
    if (keys) strokes.push(keys);
    else missing.add(character);
  }
  return { strokes, missing: [...missing] };
}
