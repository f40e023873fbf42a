import type { Guest } from '../../shared/model/guest.ts';
import { keyedStore } from './keyed.ts';

export const useGuests = keyedStore<Guest>();

/** For texts: the guest's name, or its id when it is not known (yet, or any more). */
export function guestNameOf(id: string): string {
  return useGuests.getState().byId[id]?.name ?? id;
}
