import type { Prompt } from '../../shared/model/prompt.ts';
import { keyedStore } from './keyed.ts';

/** Questions OpenSSH asks now, the oldest first. Their answers are never kept. */
export const usePrompts = keyedStore<Prompt>();
