import type { Outcome } from './results.d.mts';

export const rules: readonly { readonly name: string }[];
export function checkRules(files?: Iterable<{ readonly path: string; readonly text: string }>): Outcome[];
