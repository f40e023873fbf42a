import type { GuestTree } from '../tree.ts';
import { matching, type PartPlanner, readText, type Step, write } from './context.ts';

/** Where systems bind configuration to a MAC. */
const places: readonly (readonly [folder: string, names: RegExp])[] = [
  ['/etc/udev/rules.d', /net.*\.rules$/],
  ['/etc/systemd/network', /\.(network|link|netdev)$/],
  ['/etc/netplan', /\.ya?ml$/],
  ['/etc/NetworkManager/system-connections', /./],
  ['/etc/network', /^interfaces$/],
  ['/etc/network/interfaces.d', /./],
  ['/etc/sysconfig/network-scripts', /^ifcfg-/],
  ['/etc/sysconfig/network', /^ifcfg-/],
];

/** Rewrites each old MAC in network configuration to the new one, in the spelling found (colons or dashes, case). */
export const planNetworkConfig: PartPlanner = async ({ tree, macs, mode }) => {
  const steps: Step[] = [];
  if (mode === 'seal' || macs.size === 0) return { steps, warnings: [] };
  for (const path of await candidates(tree)) {
    const text = await readText(tree, path);
    if (text === null) continue;
    const { text: next, replaced } = replaceMacs(text, macs);
    if (next === text) continue;
    steps.push(
      write('network-config', path, next, {
        before: replaced.join(', '),
        after: replaced.map((old) => macs.get(old)!).join(', '),
      }),
    );
  }
  return { steps, warnings: [] };
};

async function candidates(tree: GuestTree): Promise<string[]> {
  const paths: string[] = [];
  for (const [folder, names] of places)
    for (const path of await matching(tree, folder, names))
      if ((await tree.lstat(path))?.type === 'file') paths.push(path);
  return paths;
}

/** Exported for tests. */
export function replaceMacs(
  text: string,
  macs: ReadonlyMap<string, string>,
): { text: string; replaced: readonly string[] } {
  const replaced = new Set<string>();
  const next = text.replace(
    /(?<![0-9a-f:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?![0-9a-f:-])/gi,
    (found, separator: string) => {
      const old = found.toLowerCase().replaceAll('-', ':');
      const mac = macs.get(old);
      if (mac === undefined) return found;
      replaced.add(old);
      const spelled = mac.replaceAll(':', separator);
      return /[A-F]/.test(found) && !/[a-f]/.test(found) ? spelled.toUpperCase() : spelled;
    },
  );
  return { text: next, replaced: [...replaced] };
}
