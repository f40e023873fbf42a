import { create } from 'zustand';
import type { WireError } from '../../shared/errors.ts';
import type { GuestState } from '../../shared/model/guest.ts';

/** The one dialog that is open. Later features add their own here and in dialogs.tsx. */
export type DialogState =
  | { readonly kind: 'palette' }
  | { readonly kind: 'settings' }
  /** What the keyboard does. */
  | { readonly kind: 'keyboard' }
  /** `source`: what to begin with, as the dialog names it; `file`: one that was dropped or chosen. */
  | { readonly kind: 'new-guest'; readonly source?: string; readonly file?: string }
  | { readonly kind: 'rename'; readonly id: string }
  /** Edit a guest's domain XML. */
  | { readonly kind: 'xml'; readonly id: string }
  | { readonly kind: 'delete'; readonly ids: readonly string[] }
  | { readonly kind: 'force-off'; readonly ids: readonly string[] }
  | { readonly kind: 'reset'; readonly ids: readonly string[] }
  | { readonly kind: 'discard-saved'; readonly ids: readonly string[] }
  | { readonly kind: 'shutdown-timeout'; readonly id: string }
  | { readonly kind: 'labels'; readonly id: string }
  /** Clone one of these: templates or guests, the first one chosen; all are offered when there are none. */
  | { readonly kind: 'clone'; readonly sources: readonly string[] }
  /** Make a template of a guest; null: choose one first. */
  | { readonly kind: 'seal'; readonly id: string | null }
  /** Make a template straight from a system or image. */
  | { readonly kind: 'new-template' }
  | { readonly kind: 'template-delete'; readonly id: string }
  | { readonly kind: 'template-rename'; readonly id: string }
  | { readonly kind: 'template-xml'; readonly id: string }
  | { readonly kind: 'template-labels'; readonly id: string }
  | { readonly kind: 'repair'; readonly ids: readonly string[] }
  | { readonly kind: 'identity-restore'; readonly id: string }
  | { readonly kind: 'new-key' }
  | { readonly kind: 'import-key' }
  | { readonly kind: 'key-passphrase'; readonly id: string }
  /** Null: choose a key too. */
  | { readonly kind: 'copy-key'; readonly key: string | null; readonly targets: readonly string[] }
  | { readonly kind: 'remove-key'; readonly key: string; readonly target: string }
  | { readonly kind: 'empty-key-trash' }
  /** Edit a server; null: add one. */
  | { readonly kind: 'server'; readonly id: string | null }
  | { readonly kind: 'import-servers' }
  | { readonly kind: 'get-access' }
  | { readonly kind: 'ssh-config' }
  | { readonly kind: 'forget-host-key'; readonly id: string }
  /** Make a resource group; `parent`: within that one. */
  /** Null makes one. */
  | { readonly kind: 'network'; readonly name: string | null }
  | { readonly kind: 'network-delete'; readonly name: string }
  | { readonly kind: 'network-plug'; readonly name: string }
  | { readonly kind: 'group'; readonly parent: string | null }
  | { readonly kind: 'group-limits'; readonly id: string }
  | { readonly kind: 'group-rename'; readonly id: string }
  | { readonly kind: 'group-remove'; readonly id: string }
  | { readonly kind: 'group-guest'; readonly id: string }
  | { readonly kind: 'group-start'; readonly id: string }
  | { readonly kind: 'group-process'; readonly id: string }
  | { readonly kind: 'group-log'; readonly id: string; readonly member: string }
  /** A guest that reaches outside the library wants to start. */
  | { readonly kind: 'consent'; readonly id: string }
  /** `host`: where to make it; null: this computer. */
  | { readonly kind: 'new-container'; readonly host: string | null }
  | { readonly kind: 'container-limits'; readonly id: string }
  | { readonly kind: 'container-remove'; readonly id: string }
  | { readonly kind: 'container-hosts' }
  | { readonly kind: 'container-images'; readonly host: string }
  /** Set beside a guest; null: choose the container too. */
  | { readonly kind: 'compare'; readonly id: string | null }
  | { readonly kind: 'error'; readonly error: WireError };

export type SortKey = 'name' | 'state' | 'cpu' | 'memory' | 'address';

interface UiState {
  section: string;
  /** Selected guests, and the one the keyboard stands on. */
  selection: ReadonlySet<string>;
  cursor: string | null;
  filter: string;
  stateFilter: ReadonlySet<GuestState>;
  tagFilter: ReadonlySet<string>;
  sort: { readonly key: SortKey; readonly descending: boolean };
  /** Below 1000 px the details are a page of their own: whether it is the one shown. */
  detailsOpen: boolean;
  detailsTab: string;
  detailsWidth: number;
  dockOpen: boolean;
  /** Pixels, tab bar included; kept when the dock is collapsed. */
  dockHeight: number;
  activeTerminal: string | null;
  dialog: DialogState | null;

  go: (section: string) => void;
  select: (ids: Iterable<string>, cursor?: string | null) => void;
  set: (patch: Partial<Omit<UiState, 'go' | 'select' | 'set' | 'open' | 'close' | 'showTerminal'>>) => void;
  open: (dialog: DialogState) => void;
  close: () => void;
  showTerminal: (id: string) => void;
}

export const useUi = create<UiState>()((set) => ({
  section: 'guests',
  selection: new Set(),
  cursor: null,
  filter: '',
  stateFilter: new Set(),
  tagFilter: new Set(),
  sort: { key: 'name', descending: false },
  detailsOpen: false,
  detailsTab: 'overview',
  detailsWidth: 400,
  dockOpen: true,
  dockHeight: 280,
  activeTerminal: null,
  dialog: null,

  go: (section) => set({ section }),
  select: (ids, cursor) =>
    set((state) => ({ selection: new Set(ids), cursor: cursor === undefined ? state.cursor : cursor })),
  set: (patch) => set(patch),
  open: (dialog) => set({ dialog }),
  close: () => set({ dialog: null }),
  showTerminal: (id) => set({ activeTerminal: id, dockOpen: true }),
}));
