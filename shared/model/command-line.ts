/**
 * Splits what a person typed into words, as a POSIX shell would, without expanding anything: blanks part, quotes and
 * backslashes hold together. Null with the reason when a quote is not closed.
 */
export function splitWords(text: string): { words: string[]; problem: string | null } {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote === "'") {
      if (char === "'") quote = '';
      else word += char;
    } else if (quote === '"') {
      if (char === '"') quote = '';
      else if (char === '\\' && '"\\$`'.includes(text[i + 1] ?? ' ')) word += text[++i]!;
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= '';
    } else if (char === '\\' && i + 1 < text.length) word = (word ?? '') + text[++i]!;
    else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote) return { words, problem: `A quote (${quote}) is not closed.` };
  if (word !== null) words.push(word);
  return { words, problem: null };
}

/** The inverse, for people: words with blanks or quotes in single quotes. */
export function joinWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}
