import { create } from 'zustand';
import type { WireError } from '../../shared/errors.ts';

export type Connection =
  | { readonly status: 'connecting' }
  | { readonly status: 'ready'; readonly version: string }
  | { readonly status: 'failed'; readonly error: WireError };

/** Whether the stores hold core's state. Once ready, views stay while a new snapshot is taken. */
export const useConnection = create<{
  connection: Connection;
  /** True once a first snapshot was loaded. */
  loaded: boolean;
  /** Grows whenever core was (re)joined: byte channels are opened anew. */
  epoch: number;
  set: (connection: Connection) => void;
}>()((set) => ({
  connection: { status: 'connecting' },
  loaded: false,
  epoch: 0,
  set: (connection) =>
    set((state) => {
      const ready = connection.status === 'ready';
      return { connection, loaded: state.loaded || ready, epoch: state.epoch + (ready ? 1 : 0) };
    }),
}));
