import type { ContainerHost } from '../../../shared/model/container.ts';

/** A host's state for people. */
export function hostWords({ status }: Pick<ContainerHost, 'status'>): {
  tone: 'running' | 'waiting' | 'failed' | 'off';
  word: string;
} {
  switch (status) {
    case 'ready':
      return { tone: 'running', word: 'Ready' };
    case 'looking':
      return { tone: 'waiting', word: 'Looking' };
    case 'missing':
      return { tone: 'failed', word: 'No podman' };
    case 'unusable':
      return { tone: 'failed', word: 'Runs nothing' };
    case 'away':
      return { tone: 'failed', word: 'Does not answer' };
    case 'unknown':
      return { tone: 'off', word: 'Not looked at' };
  }
}

/** What its podman is, or what is wrong, in a line. */
export function hostLine({ facts, error }: Pick<ContainerHost, 'facts' | 'error'>): string {
  if (error) return [error.message, error.why, error.todo].filter(Boolean).join(' ');
  if (!facts) return '';
  const who = facts.rootless ? `rootless, as ${facts.user}` : 'as root';
  const needs = facts.needs.length ? ` Its containers get ${facts.needs.join(', ')}: found by trying.` : '';
  const lacking = facts.limits.filter(({ ok }) => !ok).length;
  const limits =
    lacking === 0 ? 'all limits hold' : lacking > 6 ? 'no CPU or memory limits hold' : 'some limits hold';
  return `podman ${facts.version}, ${who}, ${facts.runtime}, cgroup ${facts.cgroups}: ${limits}.${needs}`;
}
