import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { HostBridge } from '../../../shared/model/network.ts';

/**
 * The bridges of this computer, and whether QEMU's setuid helper may join guests to them: /etc/qemu/bridge.conf says so
 * with `allow NAME` or `allow all` (qemu, qemu-bridge-helper.c).
 */
export async function hostBridges(): Promise<HostBridge[]> {
  const root = '/sys/class/net';
  const names = await fs.readdir(root).catch(() => []);
  const bridges: string[] = [];
  for (const name of names.sort())
    if (
      await fs.access(path.join(root, name, 'bridge')).then(
        () => true,
        () => false,
      )
    )
      bridges.push(name);
  const rules = await readRules('/etc/qemu/bridge.conf', 0);
  return bridges.map((name) => ({ name, allowed: allows(rules, name) }));
}

export interface BridgeRule {
  readonly allow: boolean;
  /** A bridge's name, or `all`. */
  readonly bridge: string;
}

/** Reads the helper's list; files it includes are followed, as deep as the helper would. */
async function readRules(file: string, depth: number): Promise<BridgeRule[]> {
  const text = await fs.readFile(file, 'utf8').catch(() => '');
  const rules: BridgeRule[] = [];
  for (const line of text.split('\n')) {
    const [word, value] = line.trim().split(/\s+/);
    if (!word || !value || word.startsWith('#')) continue;
    if (word === 'allow' || word === 'deny') rules.push({ allow: word === 'allow', bridge: value });
    else if (word === 'include' && depth < 8) rules.push(...(await readRules(value, depth + 1)));
  }
  return rules;
}

/** A bridge must be allowed by a rule and denied by none. */
export function allows(rules: readonly BridgeRule[], bridge: string): boolean {
  const about = rules.filter((rule) => rule.bridge === bridge || rule.bridge === 'all');
  return about.length > 0 && about.every((rule) => rule.allow);
}
