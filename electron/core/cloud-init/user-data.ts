import { type Document, isMap, isNode, isSeq, LineCounter, parseDocument, type YAMLSeq } from 'yaml';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { SeedForm, SeedProblem } from '../../../shared/model/seed.ts';
import { cloudConfig, knownKeys } from './schema.ts';
import { toYaml } from './yaml.ts';

const header = '#cloud-config';

/** Public half and private half of a planned host key. */
export interface SeedHostKey {
  /** `ed25519`, `ecdsa` or `rsa`. */
  readonly kind: string;
  /** PEM text. */
  readonly privateKey: string;
  readonly publicKey: string;
}

/** What differs between two machines with the same user data. */
export interface SeedValues {
  /** cloud-init runs anew when this changes. */
  readonly instanceId: string;
  readonly hostname: string | null;
  readonly hostKeys: readonly SeedHostKey[];
  /**
   * Set where the disk cannot be edited beforehand: cloud-init itself has no such setting, so a command of its first
   * boot writes it. What has read the old one by then goes on with it until a restart.
   */
  readonly machineId?: string;
}

/**
 * The form as user data.
 * @throws {GuesthouseError} `invalid-input` when the default user would get a kind of hash that cloud-init takes for
 *   the password itself
 */
export function composeUserData(form: SeedForm): string {
  const keys = [...form.authorizedKeys];
  const config: Record<string, unknown> = {};
  if (form.user !== null)
    config.users = [
      'default',
      {
        name: form.user,
        shell: '/bin/bash',
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        ...(form.passwordHash === null ? {} : { lock_passwd: false, passwd: form.passwordHash }),
        ...(keys.length > 0 ? { ssh_authorized_keys: keys } : {}),
      },
    ];
  else {
    if (keys.length > 0) config.ssh_authorized_keys = keys;
    if (form.passwordHash !== null) {
      if (form.passwordHash.startsWith('$y$'))
        throw new GuesthouseError('invalid-input', 'This kind of password hash needs a user name.', {
          why: 'For the default user, older cloud-inits would take a yescrypt hash for the password itself.',
          todo: 'Enter a user, or a hash that begins with $6$.',
        });
      config.password = form.passwordHash;
      config.chpasswd = { expire: false };
    }
  }
  if (form.packages.length > 0) {
    config.package_update = true;
    config.packages = [...form.packages];
  }
  if (form.commands.length > 0) config.runcmd = [...form.commands];
  return Object.keys(config).length === 0 ? `${header}\n` : `${header}\n${toYaml(config)}`;
}

/** What is wrong with user data, by line; errors first. */
export function checkUserData(text: string): SeedProblem[] {
  const problem = (line: number, message: string, severity: SeedProblem['severity'] = 'error') => ({
    line,
    message,
    severity,
  });
  if (!new RegExp(`^${header}[ \\t]*(\\r?\\n|$)`).test(text))
    return [problem(1, `The first line must be ${header}: by it cloud-init knows what this is.`)];
  const lines = new LineCounter();
  const doc = parse(text, lines);
  const syntax = doc.errors.map((error) =>
    problem(lines.linePos(error.pos[0]).line, error.message.split(' at line ')[0]!.split('\n')[0]!),
  );
  if (syntax.length > 0) return syntax;
  let value: unknown;
  try {
    value = doc.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return [problem(1, (error as Error).message)];
  }
  if (Array.isArray(value) || typeof value !== 'object')
    return [problem(1, 'Settings are needed, such as `packages:` with a list below it.')];
  const lineOf = (path: readonly PropertyKey[]) => {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = doc.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const found: SeedProblem[] = [];
  const judged = cloudConfig.safeParse(value);
  for (const issue of judged.error?.issues ?? [])
    found.push(problem(lineOf(issue.path), `${issue.path.join('.')}: ${issue.message}`));
  if (isMap(doc.contents))
    for (const { key } of doc.contents.items) {
      const name = String(key);
      if (!knownKeys.has(name) && !name.startsWith('x-'))
        found.push(
          problem(
            isNode(key) && key.range ? lines.linePos(key.range[0]).line : 1,
            `cloud-init has no setting named ${name} that is known here.${suggestion(name)}`,
            'warning',
          ),
        );
    }
  return found.sort((a, b) =>
    a.severity === b.severity ? a.line - b.line : a.severity === 'error' ? -1 : 1,
  );
}

function suggestion(name: string): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '');
  const near = [...knownKeys].find(
    (known) =>
      plain(known) === plain(name) ||
      plain(known) === `${plain(name)}s` ||
      `${plain(known)}s` === plain(name),
  );
  return near ? ` Is ${near} meant?` : '';
}

/** @throws {GuesthouseError} `invalid-input` with the line of the first error */
export function requireUserData(text: string): void {
  const [first] = checkUserData(text);
  if (first?.severity !== 'error') return;
  throw new GuesthouseError('invalid-input', 'The seed’s YAML cannot be used.', {
    why: `Line ${first.line}: ${first.message}`,
    todo: 'Mend that line.',
  });
}

/**
 * The user data of one machine: what the person wrote, and the planned name and host keys over it. On a new instance
 * cloud-init would delete the host keys (`ssh_deletekeys`, its default) and make others.
 */
export function machineUserData(text: string, values: SeedValues): string {
  requireUserData(text);
  const doc = parse(text);
  if (!isMap(doc.contents)) doc.contents = doc.createNode({}) as never;
  if (values.hostname !== null) {
    doc.set('hostname', values.hostname);
    doc.delete('fqdn'); // it would win over the name, and be the same for all
  }
  if (values.hostKeys.length > 0) {
    doc.set('ssh_deletekeys', false);
    doc.set('ssh_keys', doc.createNode(keyMap(values.hostKeys)));
  }
  if (values.machineId !== undefined) {
    const before = doc.get('bootcmd');
    if (!isSeq(before)) doc.set('bootcmd', doc.createNode([]));
    (doc.get('bootcmd') as YAMLSeq).items.unshift(
      doc.createNode(machineIdCommand(values.machineId)) as never,
    );
  }
  const written = doc.toString({ lineWidth: 0 });
  return written.startsWith(header) ? written : `${header}\n${written}`;
}

/** Once for this instance (cloud-init-per), after the procedure of machine-id(5) and dbus-uuidgen(1). */
function machineIdCommand(machineId: string): string[] {
  const script = [
    'set -e',
    `printf '%s\\n' ${/^[0-9a-f]{32}$/.exec(machineId)![0]} > /etc/machine-id.new`,
    'chmod 0444 /etc/machine-id.new',
    'mv -f /etc/machine-id.new /etc/machine-id',
    'if [ -d /var/lib/dbus ]; then ln -sfn /etc/machine-id /var/lib/dbus/machine-id; fi',
  ];
  return ['cloud-init-per', 'instance', 'guesthouse-machine-id', 'sh', '-c', script.join('; ')];
}

/** Host keys as cloud-init's `ssh_keys` names them. */
export function keyMap(hostKeys: readonly SeedHostKey[]): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const { kind, privateKey, publicKey } of hostKeys) {
    keys[`${kind}_private`] = privateKey;
    keys[`${kind}_public`] = publicKey.trim();
  }
  return keys;
}

function parse(text: string, lineCounter?: LineCounter): Document.Parsed {
  return parseDocument(text, { version: '1.1', lineCounter, prettyErrors: false });
}
