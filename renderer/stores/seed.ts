import { useEffect, useRef, useState } from 'react';
import { toWire } from '../../shared/errors.ts';
import type { SeedProblem } from '../../shared/model/seed.ts';
import { call } from '../bridge/call.ts';

/** A cloud-init seed as a wizard holds it; Back keeps it. */
export interface SeedDraft {
  /** Empty: the image's own user. */
  readonly user: string;
  readonly passwordHash: string;
  /** Apart by blanks or commas. */
  readonly packages: string;
  /** One a line. */
  readonly commands: string;
  /** True once the YAML was edited by hand: the fields above no longer write it. */
  readonly edited: boolean;
  /** `#cloud-config` and YAML. */
  readonly text: string;
}

export const emptySeed: SeedDraft = {
  user: '',
  passwordHash: '',
  packages: '',
  commands: '',
  edited: false,
  text: '#cloud-config\n',
};

const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);
const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '');

/**
 * Writes the YAML of a draft from its fields until it is edited by hand, and has it checked as it changes.
 * @param keys public keys that the user of the seed accepts
 * @returns what is wrong: the fields (a sentence), or lines of the YAML; null while that is being found out
 */
export function useSeed(
  draft: SeedDraft | null,
  keys: readonly string[],
  onText: (text: string) => void,
): { readonly fields: string | null; readonly problems: readonly SeedProblem[] | null } {
  const [fields, setFields] = useState<string | null>(null);
  const [checked, setChecked] = useState<{ text: string; problems: readonly SeedProblem[] } | null>(null);
  const write = useRef(onText);
  write.current = onText;
  const text = draft?.text ?? null;
  const form =
    draft && !draft.edited
      ? JSON.stringify({
          user: draft.user.trim() || null,
          passwordHash: draft.passwordHash.trim() || null,
          packages: words(draft.packages),
          commands: lines(draft.commands),
          authorizedKeys: keys,
        })
      : null;

  useEffect(() => {
    setFields(null);
    if (form === null) return;
    return later(async (current) => {
      try {
        const composed = await call('seeds.compose', JSON.parse(form));
        if (current()) write.current(composed.userData);
      } catch (error) {
        const { message, why } = toWire(error);
        if (current()) setFields(why && !/^\w+(\.\d+)?: /.test(why) ? `${message} ${why}` : message);
      }
    });
  }, [form]);

  useEffect(() => {
    if (text === null) return;
    return later(async (current) => {
      try {
        const problems = await call('seeds.check', { userData: text });
        if (current()) setChecked({ text, problems });
      } catch (error) {
        const problem = { line: 1, message: toWire(error).message, severity: 'error' } as const;
        if (current()) setChecked({ text, problems: [problem] });
      }
    });
  }, [text]);

  return { fields, problems: checked?.text === text ? checked.problems : null };
}

/** Once the typing rests; `current` turns false when something newer is on its way. */
function later(work: (current: () => boolean) => Promise<void>): () => void {
  let current = true;
  const timer = setTimeout(() => void work(() => current), 150);
  return () => {
    current = false;
    clearTimeout(timer);
  };
}
