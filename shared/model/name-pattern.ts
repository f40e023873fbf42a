import { nameProblem } from './names.ts';

/** Names one batch may have. */
export const maxNames = 100;

/**
 * Expands a name pattern: `web-{01..20}` counts (leading zeros give the width), `{a,b}` chooses, commas and line
 * breaks outside braces separate names. As in bash's brace expansion, several braces multiply.
 * @returns the names, or a sentence saying what is wrong
 */
export function expandNames(pattern: string): { names: readonly string[] } | { problem: string } {
  const names: string[] = [];
  for (const piece of splitOutsideBraces(pattern)) {
    const expanded = expandOne(piece.trim());
    if ('problem' in expanded) return expanded;
    names.push(...expanded.names);
    if (names.length > maxNames) return { problem: `At most ${maxNames} at once.` };
  }
  if (names.length === 0) return { problem: 'Enter a name.' };
  const seen = new Set<string>();
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem) return { problem: names.length > 1 ? `${name}: ${problem}` : problem };
    const key = name.toLowerCase();
    if (seen.has(key)) return { problem: `${name} would be made twice.` };
    seen.add(key);
  }
  return { names };
}

function splitOutsideBraces(text: string): string[] {
  const pieces: string[] = [];
  let depth = 0;
  let piece = '';
  for (const char of text) {
    if (char === '{') depth++;
    if (char === '}') depth = Math.max(0, depth - 1);
    if (depth === 0 && (char === ',' || char === '\n')) {
      pieces.push(piece);
      piece = '';
    } else piece += char;
  }
  pieces.push(piece);
  return pieces.filter((p) => p.trim() !== '');
}

function expandOne(text: string): { names: string[] } | { problem: string } {
  const open = text.indexOf('{');
  if (open < 0)
    return text.includes('}') ? { problem: 'A } has no { before it.' } : { names: text === '' ? [] : [text] };
  const close = text.indexOf('}', open);
  if (close < 0) return { problem: 'A { is not closed.' };
  const inner = text.slice(open + 1, close);
  if (inner.includes('{')) return { problem: 'Braces cannot stand inside braces.' };
  const rest = expandOne(text.slice(close + 1));
  if ('problem' in rest) return rest;
  const tails = rest.names.length > 0 ? rest.names : [''];
  const options = braceOptions(inner);
  if ('problem' in options) return options;
  const head = text.slice(0, open);
  const names: string[] = [];
  for (const option of options.names)
    for (const tail of tails) {
      names.push(head + option + tail);
      if (names.length > maxNames) return { problem: `At most ${maxNames} at once.` };
    }
  return { names };
}

function braceOptions(inner: string): { names: string[] } | { problem: string } {
  const range = /^(\d{1,6})\.\.(\d{1,6})$/.exec(inner);
  if (!range) {
    const list = inner.split(',').map((s) => s.trim());
    if (list.length < 2 || list.some((s) => s === ''))
      return { problem: 'Write {01..20} or {a,b} in braces.' };
    return { names: list };
  }
  const [from, to] = [Number(range[1]), Number(range[2])];
  if (Math.abs(to - from) >= maxNames) return { problem: `At most ${maxNames} at once.` };
  const padded = [range[1]!, range[2]!].some((s) => s.length > 1 && s.startsWith('0'));
  const width = padded ? Math.max(range[1]!.length, range[2]!.length) : 0;
  const names: string[] = [];
  const step = to >= from ? 1 : -1;
  for (let n = from; n !== to + step; n += step) names.push(String(n).padStart(width, '0'));
  return { names };
}
