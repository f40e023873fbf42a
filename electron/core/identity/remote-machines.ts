import { ensurePinned, hostKeyName, pinnedKeys } from '../ssh/hostkeys.ts';
import { type PublicHostKey, pinHostFile } from '../ssh/known-hosts.ts';
import { askpassFor, runRemote, type SshSurroundings } from '../ssh/remote.ts';
import type { Targets } from '../ssh/targets.ts';

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
      readonly sudoPassword?: { text: string | null };
      readonly signal?: AbortSignal;
    },
  ): Promise<string>;
  /**
   * Pins host keys of a guest or server, in place of those it has or, with `keep`, beside them.
   * @param how `name`: file them under this one, such as the UUID it is about to get
   * @returns the keys that were pinned before
   */
  pin(
    ref: string,
    keys: readonly PublicHostKey[],
    how?: { readonly keep?: boolean; readonly name?: string },
  ): Promise<readonly PublicHostKey[]>;
}

/** Milliseconds for reading a machine that is not asked about anything: a dead one must not hold the page up. */
const quietTimeout = 20_000;

/** Reaches guests and servers as the consoles do: same targets, same pinned keys, same prompts. */
export function remoteMachines(access: {
  readonly targets: Pick<Targets, 'resolve'>;
  readonly around: SshSurroundings;
  readonly servers: { list(): readonly { readonly id: string; readonly name: string }[] };
}): RemoteMachines {
  return {
    servers: () => access.servers.list(),
    async run(ref, command, options) {
      const target = await access.targets.resolve(ref);
      const title = `Reading or writing the identity of ${target.name}`;
      if (!options.ask)
        return (
          await runRemote(access.around, target, command, {
            ...options,
            title,
            connectTimeout: 8,
            timeoutMs: quietTimeout,
          })
        ).stdout;
      const askpass = await askpassFor(access.around, target, { title, signal: options.signal });
      try {
        await ensurePinned(target, askpass);
        const { stdout } = await runRemote(access.around, target, command, {
          ...options,
          title,
          connectTimeout: 15,
          askpass,
        });
        return stdout;
      } finally {
        await askpass.close();
      }
    },
    async pin(ref, keys, { keep = false, name } = {}) {
      const target = await access.targets.resolve(ref);
      const before = await pinnedKeys(target);
      const [file] = target.knownHosts;
      const all = [...(keep ? before : []), ...keys];
      const once = [...new Map(all.map(({ type, key }) => [`${type} ${key}`, { type, key }])).values()];
      // The name ssh itself looks the keys up by: an alias of ~/.ssh/config may stand for another host and port.
      if (file !== undefined) await pinHostFile(file, name ?? (await hostKeyName(target)), once);
      return before;
    },
  };
}
