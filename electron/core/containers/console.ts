import type { Container } from '../../../shared/model/container.ts';
import type { PtyConsole } from '../terminals/manager.ts';
import type { Host } from './hosts.ts';

/** The best shell there is; bash, where the image has one, for its history and completion. */
const shellScript = 'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi';

/** A console in a container: a shell (or another program) by `podman exec`, or its log as it is written. */
export function containerConsole(
  host: Host,
  container: Container,
  what: 'shell' | 'logs',
  command: readonly string[],
): PtyConsole {
  const { podmanId, name } = container;
  const words = command.length ? command : ['sh', '-c', shellScript];
  return {
    kind: 'exec',
    title: what === 'logs' ? `${name} log` : name,
    subject: container.id,
    launch: async (waiting) => {
      waiting(`Looking at ${host.engine.name}`);
      await host.facts({ ask: true });
      return host.engine.terminal(
        what === 'logs'
          ? ['logs', '--follow', '--tail=1000', '--', podmanId]
          : // Ctrl-P Ctrl-Q would detach, and Ctrl-P belongs to the shell's history.
            [
              'exec',
              '--interactive',
              '--tty',
              '--detach-keys=',
              '--env=TERM=xterm-256color',
              '--',
              podmanId,
              ...words,
            ],
      );
    },
    explain: ({ exitCode, error }) => {
      if (error) return { reason: error, again: false, error: null };
      if (what === 'logs')
        return { reason: 'The container ended: its log goes no further.', again: false, error: null };
      if (exitCode === 137 || exitCode === 143)
        return {
          reason: 'The container was stopped, or the kernel killed the shell for its limits.',
          again: false,
          error: null,
        };
      if (exitCode === 127 || exitCode === 126)
        return { reason: 'The image has no such program: no shell, perhaps.', again: false, error: null };
      if (exitCode === 125 || exitCode === 255)
        return { reason: 'The container does not run, or is gone.', again: false, error: null };
      return {
        reason: exitCode === 0 ? 'You left the shell.' : `It ended with exit code ${exitCode}.`,
        again: false,
        error: null,
      };
    },
  };
}
