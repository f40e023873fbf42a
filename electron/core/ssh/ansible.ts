import { stringify } from 'yaml';
import { proxyCommand, type SshTarget } from './command.ts';
import { quoteAll } from './quote.ts';

/**
 * An Ansible inventory (YAML plugin): groups `guests`, `servers` and one a tag. Values are written by a YAML library;
 * Ansible would take `{{` for a template, so what holds that is left out. Pure.
 */
export function ansibleInventory(targets: readonly { target: SshTarget; tags: readonly string[] }[]): string {
  type Hosts = Record<string, Record<string, string | number> | null>;
  const groups: Record<string, { hosts: Hosts }> = { guests: { hosts: {} }, servers: { hosts: {} } };
  for (const { target, tags } of targets) {
    if (/\{[{%#]/.test(target.name) || /[\s:[\]]/.test(target.name)) continue;
    const vars: Record<string, string | number> = {
      ansible_host: target.address,
      ansible_port: target.port,
      ...(target.user === null ? {} : { ansible_user: target.user }),
      ...(target.identityFiles[0] ? { ansible_ssh_private_key_file: target.identityFiles[0] } : {}),
      ansible_ssh_common_args: quoteAll(commonArgs(target)),
    };
    groups[target.kind === 'guest' ? 'guests' : 'servers']!.hosts[target.name] = vars;
    for (const tag of tags) {
      // Group names are identifiers (Ansible's "valid characters in group names").
      const group = `tag_${tag.toLowerCase().replace(/[^a-z0-9]+/g, '_')}`;
      groups[group] ??= { hosts: {} };
      groups[group].hosts[target.name] = null;
    }
  }
  return stringify({ all: { children: groups } }, { lineWidth: 0 });
}

function commonArgs(target: SshTarget): string[] {
  const known = target.knownHosts
    .map((file) => `"${file.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`)
    .join(' ');
  const args = ['-o', 'StrictHostKeyChecking=yes', '-o', `UserKnownHostsFile=${known}`];
  if (target.hostKeyAlias !== null) args.push('-o', `HostKeyAlias=${target.hostKeyAlias}`);
  if (target.kind === 'guest') args.push('-o', 'GlobalKnownHostsFile=/dev/null');
  // With its own key, user and pinned host key, which ProxyJump would not take from here.
  if (target.jump) args.push('-o', `ProxyCommand=${proxyCommand(target.jump, { how: 'terminal' })}`);
  return args;
}
