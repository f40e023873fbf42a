import type { SharedNetwork } from '../../shared/model/network.ts';
import { keyedStore } from './keyed.ts';

export const useNetworks = keyedStore<SharedNetwork>();
