import type { PermissionProblem } from '../../../shared/model/key.ts';
import { quoteAll } from '../ssh/quote.ts';

/** What stat(2) says about one file or folder that OpenSSH cares for. */
export interface FileFacts {
  readonly path: string;
  readonly what: PermissionProblem['what'];
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
}

interface Rule {
  /** Bits that may be set. */
  readonly most: number;
  /** Bits the owner must have for the file to be of use. */
  readonly need: number;
  /** Bits whose presence makes OpenSSH refuse the file. */
  readonly refusedBits: number;
  readonly noun: string;
  readonly refused: string;
  readonly exposed: string;
}

/*
 * Where the rules come from: ssh(1) FILES ("ssh will simply ignore a private key file if it is accessible by others"),
 * sshkey_perm_ok (077), read_config_file_depth with SSHCONF_CHECKPERM (022) and safe_path in OpenSSH's misc.c
 * (authorized_keys, ~/.ssh and the home folder: 022, StrictModes in sshd_config(5)).
 */
const rules: Record<PermissionProblem['what'], Rule> = {
  'private-key': {
    most: 0o600,
    need: 0o400,
    refusedBits: 0o077,
    noun: 'this private key',
    refused: 'ssh refuses to use it ("UNPROTECTED PRIVATE KEY FILE").',
    exposed: 'ssh uses it all the same.',
  },
  'public-key': {
    most: 0o644,
    need: 0o400,
    refusedBits: 0,
    noun: 'this public key',
    refused: '',
    exposed: 'ssh does not mind, but whoever can change it can have another key copied to your servers.',
  },
  'ssh-folder': {
    most: 0o700,
    need: 0o700,
    refusedBits: 0o022,
    noun: '~/.ssh',
    refused: 'sshd refuses every key of authorized_keys here (StrictModes).',
    exposed: 'ssh does not mind, but others can see which keys and hosts you have.',
  },
  'app-folder': {
    most: 0o700,
    need: 0o700,
    refusedBits: 0,
    noun: 'the folder of Guesthouse’s keys',
    refused: '',
    exposed: 'ssh does not mind, but others can see your keys, or put theirs in their place.',
  },
  'authorized-keys': {
    most: 0o600,
    need: 0o400,
    refusedBits: 0o022,
    noun: 'authorized_keys',
    refused: 'sshd refuses every key in it (StrictModes).',
    exposed: 'sshd does not mind, but others can see which keys log in here.',
  },
  config: {
    most: 0o600,
    need: 0o400,
    refusedBits: 0o022,
    noun: 'the ssh configuration',
    refused: 'ssh refuses to run ("Bad owner or permissions").',
    exposed: 'ssh does not mind, but others can see which hosts you use.',
  },
  home: {
    most: 0o7755,
    need: 0o500,
    refusedBits: 0o022,
    noun: 'your home folder',
    refused: 'sshd refuses every key of authorized_keys here (StrictModes).',
    exposed: '',
  },
};

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

/**
 * What is wrong with a file's mode and owner, what OpenSSH does about it, and the mode that would be right. Pure.
 * The wanted mode only ever takes bits away: a key that even its owner cannot read is told, not opened up.
 * @param uid who runs this
 */
export function problemsOf(facts: FileFacts, uid: number): PermissionProblem[] {
  const rule = rules[facts.what];
  const { path, what, mode } = facts;
  const found: PermissionProblem[] = [];
  // Root may own anything of a person's and OpenSSH accepts it for all but private keys and the configuration's reading.
  const rightOwner = facts.uid === uid || (facts.uid === 0 && what !== 'private-key');
  if (!rightOwner)
    found.push({
      path,
      what,
      kind: 'wrong-owner',
      mode,
      wanted: mode & rule.most,
      problem: `Someone else (user ${facts.uid}) owns ${rule.noun}.`,
      consequence:
        what === 'private-key'
          ? 'ssh cannot read it, or trusts a key its owner can change.'
          : rule.refused || rule.exposed,
      severity: 'refused',
      fixable: uid === 0,
      command: quoteAll([...(uid === 0 ? [] : ['sudo']), 'chown', '--', String(uid), path]),
    });
  const wanted = mode & rule.most;
  if (wanted !== mode) {
    const extra = mode & ~rule.most & 0o777;
    const refused = (mode & rule.refusedBits) !== 0;
    // An execute bit of the owner alone exposes nothing.
    if (extra & 0o077 || what === 'home')
      found.push({
        path,
        what,
        kind: 'too-open',
        mode,
        wanted,
        problem: `Others can ${mode & 0o022 ? 'change' : 'read'} ${rule.noun}: its mode is ${octal(mode)}, it should be ${octal(wanted)}.`,
        consequence: refused ? rule.refused : rule.exposed,
        severity: refused ? 'refused' : 'exposed',
        fixable: facts.uid === uid || uid === 0,
        command: quoteAll(['chmod', octal(wanted), '--', path]),
      });
  }
  if ((mode & rule.need) !== rule.need)
    found.push({
      path,
      what,
      kind: 'too-closed',
      mode,
      wanted: (mode & rule.most) | rule.need,
      problem: `You cannot use ${rule.noun} yourself: its mode is ${octal(mode)}.`,
      consequence: 'ssh cannot read it.',
      severity: 'refused',
      fixable: false, // Guesthouse never loosens
      command: quoteAll(['chmod', octal((mode & rule.most) | rule.need), '--', path]),
    });
  return found;
}
