import { toWire } from '../../../shared/errors.ts';
import { aliasProblem } from '../../../shared/model/server.ts';
import { checkTarget, type SshTarget } from './command.ts';
import { configValue } from './quote.ts';

export interface ExportedConfig {
  readonly text: string;
  readonly refused: readonly { name: string; why: string }[];
  readonly aliases: readonly string[];
}

const head = `# Written by Guesthouse; changes here are lost. It is read through the Include line in ~/.ssh/config.
`;

/**
 * An OpenSSH configuration with every target as a `Host` (ssh_config(5)). Pure. What cannot be written safely is left
 * out with the reason: an alias that is a pattern would change other hosts.
 */
export function exportConfig(targets: readonly SshTarget[]): ExportedConfig {
  const refused: { name: string; why: string }[] = [];
  const aliases: string[] = [];
  const blocks: string[] = [];
  for (const target of [...targets].sort((a, b) => a.name.localeCompare(b.name))) {
    const why =
      aliasProblem(target.name) ??
      (aliases.some((alias) => alias.toLowerCase() === target.name.toLowerCase())
        ? 'Another one has the same name.'
        : null);
    if (why) {
      refused.push({ name: target.name, why });
      continue;
    }
    try {
      blocks.push(block(target));
      aliases.push(target.name);
    } catch (error) {
      const { message, why } = toWire(error);
      refused.push({ name: target.name, why: why ?? message });
    }
  }
  return { text: `${head}${blocks.map((lines) => `\n${lines}`).join('')}`, refused, aliases };
}

function block(target: SshTarget): string {
  // One value ssh does not take stops it for every host there is.
  checkTarget(target);
  const lines = [`Host ${target.name}`];
  // Without it a server named after its address, or after a host of ~/.ssh/config, goes where it went before.
  if (target.address !== target.name) lines.push(`  HostName ${target.address.replaceAll('%', '%%')}`);
  lines.push(`  Port ${target.port}`);
  if (target.user !== null) lines.push(`  User ${configValue(target.user)}`);
  if (target.hostKeyAlias !== null) lines.push(`  HostKeyAlias ${target.hostKeyAlias}`);
  lines.push(`  UserKnownHostsFile ${target.knownHosts.map((file) => configValue(file, true)).join(' ')}`);
  lines.push('  StrictHostKeyChecking yes', '  UpdateHostKeys no');
  if (target.kind === 'guest')
    lines.push(
      '  GlobalKnownHostsFile /dev/null',
      '  CheckHostIP no',
      '  NoHostAuthenticationForLocalhost no',
    );
  for (const file of target.identityFiles) lines.push(`  IdentityFile ${configValue(file, true)}`);
  if (target.identitiesOnly) lines.push('  IdentitiesOnly yes');
  if (target.jump) {
    const { user, address, port, name, id } = target.jump;
    // A known server is named by its own block, which pins its key.
    lines.push(
      `  ProxyJump ${id === name ? `${user ? `${user}@` : ''}${address.includes(':') ? `[${address}]` : address}:${port}` : name}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The line that reads the exported file. */
export function includeLine(file: string): string {
  return `Include ${configValue(file)}`;
}

/** The first line that says anything is the Include: below a Host block ssh would read it for that host alone. */
export function hasInclude(config: string, file: string): boolean {
  const first = config.split('\n').find((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  return first?.trim() === includeLine(file);
}

/** Puts the line first; everything else stays byte for byte. */
export function withInclude(config: string, file: string): string {
  return hasInclude(config, file) ? config : `${includeLine(file)}\n${withoutInclude(config, file)}`;
}

/** Takes the line out, wherever it stands; everything else stays byte for byte. */
export function withoutInclude(config: string, file: string): string {
  const line = includeLine(file);
  return config
    .split(/(?<=\n)/)
    .filter((text) => text.trim() !== line)
    .join('');
}

/** Names given after `Host` that are no patterns, in order, once each. */
export function hostAliases(config: string): string[] {
  const found = new Set<string>();
  for (const line of config.split('\n')) {
    const match = /^\s*host(?:\s*=\s*|\s+)(.*)$/i.exec(line);
    if (!match) continue;
    for (const [, quoted, plain] of match[1]!.replace(/\s#.*$/, '').matchAll(/"([^"]*)"|(\S+)/g)) {
      const alias = quoted ?? plain ?? '';
      if (alias && !/[*?!]/.test(alias)) found.add(alias);
    }
  }
  return [...found];
}

/** Files named by `Include`, as they stand there. */
export function includedFiles(config: string): string[] {
  return [...config.matchAll(/^\s*include(?:\s*=\s*|\s+)(.*)$/gim)].flatMap(([, rest]) =>
    [...rest!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
  );
}
