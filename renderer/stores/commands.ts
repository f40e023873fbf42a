import { create } from 'zustand';

/** Something the palette can run. */
export interface PaletteCommand {
  readonly id: string;
  readonly label: string;
  /** More words it is found by. */
  readonly keywords?: string;
  /** Beside it, in grey. */
  readonly note?: string;
  readonly keys?: string;
  readonly run: () => void;
}

/** The palette's own commands; guests and their actions it finds itself. */
export const useCommands = create<{
  commands: readonly PaletteCommand[];
  /** Adds, or replaces those of the same id. */
  register: (commands: readonly PaletteCommand[]) => void;
}>()((set) => ({
  commands: [],
  register: (added) =>
    set(({ commands }) => ({
      commands: [...commands.filter((old) => !added.some((one) => one.id === old.id)), ...added],
    })),
}));
