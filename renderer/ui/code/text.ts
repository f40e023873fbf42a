/** What ends the lines of a text. Mixed ends are left to themselves: a stray CR is then a character of its line. */
export const lineEndOf = (text: string): '\n' | '\r\n' =>
  text.includes('\r\n') && !/(?<!\r)\n|\r(?!\n)/.test(text) ? '\r\n' : '\n';

/** The one span in which two texts differ, so that a new value moves no cursor that stands elsewhere. */
export function replacement(before: string, after: string): { from: number; to: number; insert: string } {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return { from: head, to: before.length - tail, insert: after.slice(head, after.length - tail) };
}
