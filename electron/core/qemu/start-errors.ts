import { type ErrorCode, GuesthouseError } from '../../../shared/errors.ts';

/** What is needed to name things in an error. */
export interface StartFailure {
  /** QEMU's stderr of this start. */
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Names who holds an image file. */
  readonly holders: (file: string) => Promise<readonly { pid: number; name: string | null }[]>;
}

const lockLine = /Failed to get (?:shared )?"[\w -]+" lock/;
/** The file names QEMU was given, for the lock error, which names none. */
const quotedFile = /Could not open '([^'\n]+)'/;

/**
 * Turns QEMU's last words into an error for people. The texts are QEMU's own, in English whatever the locale.
 * @param files image files of the guest, in case QEMU names none
 */
export async function explainStartFailure(
  failure: StartFailure,
  files: readonly string[],
): Promise<GuesthouseError> {
  const { stderr } = failure;
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/: warning: /.test(line));
  const last = withoutProgram(lines.at(-1) ?? '');
  const fail = (code: ErrorCode, message: string, { why, todo }: { why: string; todo?: string }) =>
    new GuesthouseError(code, message, {
      why,
      todo,
      // All QEMU said may be the one line that is the reason already.
      detail: withoutProgram(stderr.trim()) === why ? undefined : stderr.slice(-4000) || undefined,
    });

  if (lockLine.test(stderr)) {
    const found: string[] = [];
    for (const file of files)
      for (const { pid, name } of await failure.holders(file))
        found.push(`process ${pid}${name ? ` (${name})` : ''} has ${file} open`);
    return fail('disk-in-use', 'A disk of this guest is in use by another program.', {
      why: found.length > 0 ? `${sentence(found.join('; '))}` : 'Another QEMU or image tool holds its lock.',
      todo: 'Shut the other one down, then start this guest again. Two systems writing one disk would ruin it.',
    });
  }
  const forward = /Could not set up host forwarding rule '(\w+):([\d.]*):(\d+)-/.exec(stderr);
  if (forward)
    return fail('port-taken', `Port ${forward[3]} of this computer is taken.`, {
      why: `Another program listens on ${forward[1]} port ${forward[3]}, which this guest forwards.`,
      todo: 'End the other program, or choose another port for the forward.',
    });
  if (/annot allocate memory|annot set up guest memory|Out of memory/i.test(stderr))
    return fail('no-memory', 'There is not enough memory on this computer for the guest.', {
      why: last,
      todo: 'Shut another guest down, or give this one less memory.',
    });
  if (/Could not access KVM kernel module|failed to initialize kvm/i.test(stderr))
    return fail(
      /Permission denied/i.test(stderr) ? 'no-permission' : 'accelerator-unusable',
      'KVM could not be used.',
      {
        why: lines.find((line) => /KVM kernel module/i.test(line))?.replace(/^\S*: /, '') ?? last,
        todo: 'See the Host page for what to do about KVM.',
      },
    );
  if (/Cannot lock pid file/i.test(stderr))
    return fail('busy', 'This guest runs already.', {
      why: 'Another QEMU holds its pidfile.',
      todo: 'Restart Guesthouse to find it again.',
    });
  const opened = quotedFile.exec(stderr);
  if (/No such file or directory/.test(stderr) && opened)
    return fail('disk-missing', 'A disk of this guest is missing.', {
      why: `${opened[1]} does not exist.`,
      todo: 'Put the file back, or take the disk out of the guest.',
    });
  if (/No space left on device/i.test(stderr))
    return fail('no-space', 'The disk of this computer is full.', {
      why: last,
      todo: 'Free some space and start again.',
    });
  if (opened && /Permission denied/i.test(stderr))
    return fail('no-permission', 'A file of this guest may not be opened.', {
      why: last,
      todo: 'Check who owns the file.',
    });
  if (/Image is not in qcow2 format|Image is corrupt|qcow2:|corrupt/i.test(stderr))
    return fail('disk-damaged', 'A disk of this guest is damaged.', { why: last });
  if (failure.signal === 'SIGSYS' || failure.code === 159)
    return fail('qemu-failed', 'QEMU was stopped by its own sandbox.', {
      why: 'It asked for something its system-call filter forbids.',
    });
  return fail('qemu-failed', 'QEMU could not start this guest.', {
    why:
      last ||
      (failure.signal
        ? `It was ended by ${failure.signal} and said nothing.`
        : `It ended with exit code ${failure.code} and said nothing.`),
    todo: 'The log has the details.',
  });
}

/** A line of QEMU's without its program's name in front. */
function withoutProgram(line: string): string {
  return line.replace(/^\S*qemu-system-\S+: /, '');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
