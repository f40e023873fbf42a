/** Sends text to one console as if it were typed there. */
export type Type = (text: string) => void;

const open = new Map<string, Type>();

/** A console can be typed into by its group while it is joined; returns how to leave. */
export function joinTyping(terminal: string, type: Type): () => void {
  open.set(terminal, type);
  return () => {
    if (open.get(terminal) === type) open.delete(terminal);
  };
}

/**
 * What a terminal says by itself (it answers questions, reports the mouse and the focus): that is for its own program
 * alone and never for a group. Sequences as in ECMA-48 and xterm's ctlseqs.
 */
export function isOwnAnswer(text: string): boolean {
  return /^\u001b(?:\[[?>=]?[\d;]*[cnRy]|\[[\d;]*t|\[[IO]|\[<[\d;]+[mM]|\[M[\s\S]{3}|[P\]_][\s\S]+)$/.test(
    text,
  );
}

/** Types into `from`, and when it belongs to the group, into all others of it. */
export function typeInto(from: string, text: string, group: ReadonlySet<string>): void {
  const all = group.has(from) && !isOwnAnswer(text) ? group : [from];
  for (const id of all) open.get(id)?.(text);
}
