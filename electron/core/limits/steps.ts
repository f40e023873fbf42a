import type { LimitName } from '../../../shared/model/group.ts';
import { quoteAll } from '../ssh/quote.ts';

/**
 * One thing to be done on a machine that holds groups, as data: back ends plan, and a machine does it, this one by file
 * calls and a far one by one script. A step that fails ends the list, unless it is `optional` or belongs to a limit
 * (which is then said not to be held).
 */
export type Step = {
  readonly limit?: LimitName;
  readonly optional?: boolean;
} & (
  | { readonly do: 'dir'; readonly path: string }
  /** An empty control group goes; one that is not there is gone already. */
  | { readonly do: 'rmdir'; readonly path: string }
  /** The same with the empty ones within, which others made: podman leaves one for its monitors. */
  | { readonly do: 'prune'; readonly path: string }
  /** Writes into a file that is there. */
  | { readonly do: 'write'; readonly path: string; readonly text: string }
  | { readonly do: 'kill'; readonly signal: 'TERM' | 'KILL'; readonly pids: readonly number[] }
  | { readonly do: 'run'; readonly argv: readonly [string, ...string[]] }
);

/** Null: it went well; else what the machine said. */
export type StepResult = string | null;

/** Whether the list goes on after this failure. */
export const mayFail = (step: Step): boolean => step.optional === true || step.limit !== undefined;

/**
 * Does steps given as arguments and prints one line each: `+`, or `-` and what went wrong. tee(1) writes, since it
 * names the error; a shell's own printf does not.
 */
const script = `
while [ $# -gt 0 ]; do
  op=$1 may=$2 a=$3 b=$4
  shift 4
  case $op in
    dir) out=$(mkdir -p -- "$a" 2>&1) ;;
    rmdir) if [ -d "$a" ]; then out=$(rmdir -- "$a" 2>&1); else out=; fi ;;
    prune) if [ -d "$a" ]; then out=$(find "$a" -depth -type d -exec rmdir -- {} + 2>&1); else out=; fi ;;
    write) out=$(printf %s "$b" | tee -- "$a" 2>&1 >/dev/null) ;;
    run) out=$(sh -c "$a" 2>&1 </dev/null) ;;
  esac
  code=$?
  if [ "$code" = 0 ]; then echo +
  else
    printf -- '-%s\\n' "$(printf %s "$out" | tr '\\n\\t\\r' '   ')"
    [ "$may" = 1 ] || exit 0
  fi
done`;

/** Four arguments of {@link script}. */
function argsOf(step: Step): string[] {
  const may = mayFail(step) ? '1' : '0';
  if (step.do === 'dir' || step.do === 'rmdir' || step.do === 'prune') return [step.do, may, step.path, ''];
  if (step.do === 'write') return ['write', may, step.path, step.text];
  const argv = step.do === 'run' ? step.argv : ['kill', '-s', step.signal, ...step.pids.map(String)];
  return ['run', may, quoteAll(argv), ''];
}

/** The steps as one command for a far machine. */
export function stepsCommand(steps: readonly Step[]): string[] {
  return ['sh', '-c', script, 'sh', ...steps.flatMap(argsOf)];
}

/** Reads what {@link stepsCommand} printed; shorter than the steps when one that must not fail did. */
export function parseResults(stdout: string): StepResult[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('+') || line.startsWith('-'))
    .map((line) => (line.startsWith('+') ? null : line.slice(1).trim() || 'it failed'));
}
