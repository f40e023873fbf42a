import type { Starter } from '../../shared/model/starter.ts';
import { keyedStore } from './keyed.ts';

export const useStarters = keyedStore<Starter>();
