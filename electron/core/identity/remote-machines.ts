/** Machines reached over SSH, as the identity engine needs them. */
export interface RemoteMachines {
  servers(): readonly { readonly id: string; readonly name: string }[];
  /**
   * Runs a program there and gives its output. `ask` allows prompts to the person, `sudo` runs it as root.
   * @param ref id of a guest or server
   */
  run(
    ref: string,
    command: readonly string[],
    options: {
      readonly input?: string;
      readonly sudo?: boolean;
      readonly ask?: boolean;
      readonly signal?: AbortSignal;
    },
  ): Promise<string>;
  /** Replaces the pinned host keys of a guest or server. */
  pin(ref: string, keys: readonly { readonly type: string; readonly key: string }[]): Promise<void>;
}
