/**
 * How hard a passphrase is to guess, in bits, estimated low: what repeats or runs on (aaa, 1234, qwerty) adds next to
 * nothing, and a well-known word counts as one choice of a few thousand. Someone with the file can try about ten
 * guesses a second per processor (ssh-keygen's bcrypt, 16 rounds), so 50 bits are out of reach and 30 are not.
 */
export function passphraseBits(text: string): number {
  if (text === '') return 0;
  let rest = text.toLowerCase();
  let bits = 0;
  for (const word of known) {
    while (rest.includes(word)) {
      rest = rest.replace(word, ' ');
      bits += 8;
    }
  }
  const pool =
    (/[a-z]/.test(text) ? 26 : 0) +
    (/[A-Z]/.test(text) ? 26 : 0) +
    (/[0-9]/.test(text) ? 10 : 0) +
    (/[^A-Za-z0-9]/.test(text) ? 33 : 0);
  // Words people think of carry less than random letters: about 2.5 bits each (Shannon 1951 has 1 to 2.3 for text).
  const each = /^[a-z' -]+$/i.test(text) ? 2.5 : Math.log2(pool);
  const seen = new Set<string>();
  for (let i = 0; i < rest.length; i++) {
    const step = i === 0 ? null : rest.charCodeAt(i) - rest.charCodeAt(i - 1);
    const runsOn = step !== null && Math.abs(step) <= 1;
    const pair = rest.slice(i, i + 3);
    bits +=
      rest[i] === ' ' && text[i] !== ' ' ? 0 : runsOn || (pair.length === 3 && seen.has(pair)) ? 0.5 : each;
    seen.add(pair);
  }
  return Math.round(bits);
}

const known = [
  'password',
  'passwort',
  'passphrase',
  'qwertyuiop',
  'qwerty',
  'qwertz',
  'azerty',
  'letmein',
  'welcome',
  'iloveyou',
  'dragon',
  'monkey',
  'football',
  'admin',
  'secret',
  'guesthouse',
  'asdfghjkl',
  'zxcvbnm',
];

export interface Strength {
  readonly word: 'None' | 'Weak' | 'Fair' | 'Good' | 'Strong';
  /** 0 to 4. */
  readonly level: number;
  readonly meaning: string;
}

export function strengthOf(text: string): Strength {
  const bits = passphraseBits(text);
  if (text === '')
    return { word: 'None', level: 0, meaning: 'Whoever gets the file can use the key at once.' };
  if (bits < 30)
    return { word: 'Weak', level: 1, meaning: 'Guessed within days by someone who has the file.' };
  if (bits < 45)
    return { word: 'Fair', level: 2, meaning: 'Holds off a casual thief, not a determined one.' };
  if (bits < 65)
    return { word: 'Good', level: 3, meaning: 'Guessing it takes more than it is mostly worth.' };
  return { word: 'Strong', level: 4, meaning: 'Out of reach of guessing.' };
}
