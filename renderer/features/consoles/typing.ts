/** How one console is typed into. */
export interface Typist {
  /** Sends text as if it were typed there. */
  type(text: string): void;
  /** Pastes as that console's own program asked for it (bracketed paste mode). */
  paste(text: string): void;
}

const open = new Map<string, Typist>();

/** A console can be typed into by its group while it is joined; returns how to leave. */
export function joinTyping(terminal: string, typist: Typist): () => void {
  open.set(terminal, typist);
  return () => {
    if (open.get(terminal) === typist) open.delete(terminal);
  };
}

/**
 * What a terminal says by itself (it answers questions, reports the mouse and the focus): that is for its own program
 * alone and never for a group. Sequences as in ECMA-48 and xterm's ctlseqs.
 */
export function isOwnAnswer(text: string): boolean {
  return /^\u001b(?:\[[?>=]?[\d;]*[cnR]|\[\??[\d;]*\$y|\[[\d;]*t|\[[IO]|\[<[\d;]+[mM]|\[M[\s\S]{3}|[P\]_][\s\S]+)$/.test(
    text,
  );
}

/**
 * Types into `from`, and when it belongs to the group, into all others of it.
 * @param key it is known to come from a key: Shift+F3 looks like an answer (a cursor in row 1)
 */
export function typeInto(from: string, text: string, group: ReadonlySet<string>, key = false): void {
  const all = group.has(from) && (key || !isOwnAnswer(text)) ? group : [from];
  for (const id of all) open.get(id)?.type(text);
}

/** Pastes into `from`, and when it belongs to the group, into all others of it, into each in its own way. */
export function pasteInto(from: string, text: string, group: ReadonlySet<string>): void {
  for (const id of group.has(from) ? group : [from]) open.get(id)?.paste(text);
}

/**
 * Whether a paste is asked about first. A program that asked for bracketed paste tells pasted lines from typed ones;
 * others run each line at once, and of a group nobody knows that all its programs asked.
 */
export function asksFirst(text: string, bracketed: boolean, grouped: boolean): boolean {
  return /[\r\n]/.test(text) && (grouped || !bracketed);
}
