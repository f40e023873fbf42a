import { randomUUID } from 'node:crypto';
import { CancelledError, GuesthouseError } from '../../../shared/errors.ts';
import type { Prompt } from '../../../shared/model/prompt.ts';
import type { Announce } from '../api.ts';

export type PromptSpec = Omit<Prompt, 'id' | 'text'> & { readonly text: string };

/** Makes control characters visible, so that a host cannot draw with escape sequences or forge lines. */
export function visible(text: string, max = 2000): string {
  const shown = text
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0009\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '\u2423');
  return shown.length > max ? `${shown.slice(0, max)}…` : shown;
}

interface Pending {
  readonly prompt: Prompt;
  resolve(answer: string): void;
  reject(error: Error): void;
}

/** The questions now open. Answers pass through to whoever asked; nothing keeps them. */
export class Prompts {
  private readonly pending = new Map<string, Pending>();
  constructor(private readonly announce: Announce) {}

  list(): Prompt[] {
    return [...this.pending.values()].map(({ prompt }) => prompt);
  }

  /**
   * Asks and waits. For `notice` the promise only ends by `signal`.
   * @throws {CancelledError} when the person cancels or `signal` fires
   */
  ask(spec: PromptSpec, signal: AbortSignal): Promise<string> {
    const prompt: Prompt = { ...spec, id: randomUUID(), text: visible(spec.text) };
    return new Promise<string>((resolve, reject) => {
      if (signal.aborted) return reject(new CancelledError());
      const onAbort = () => settle(() => reject(new CancelledError()));
      const settle = (how: () => void) => {
        if (!this.pending.delete(prompt.id)) return;
        signal.removeEventListener('abort', onAbort);
        this.announce({ type: 'prompt-gone', id: prompt.id });
        how();
      };
      this.pending.set(prompt.id, {
        prompt,
        resolve: (answer) => settle(() => resolve(answer)),
        reject: (error) => settle(() => reject(error)),
      });
      signal.addEventListener('abort', onAbort, { once: true });
      this.announce({ type: 'prompt', prompt });
    });
  }

  /** @throws {GuesthouseError} `not-found` when it is not open any more, `invalid-input` for more than one line */
  answer(id: string, answer: string): void {
    const pending = this.get(id);
    if (/[\r\n\0]/.test(answer)) throw new GuesthouseError('invalid-input', 'An answer is one line.');
    pending.resolve(answer);
  }

  cancel(id: string): void {
    this.get(id).reject(new CancelledError());
  }

  private get(id: string): Pending {
    const pending = this.pending.get(id);
    if (!pending) throw new GuesthouseError('not-found', 'That question is not open any more.');
    return pending;
  }
}
