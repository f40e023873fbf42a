/** `container hosts` and its kin, and what else asks a host first. */
import type { Command } from 'commander';
import { type ContainerHost, limitWords } from '../../../shared/model/container.ts';
import { answering } from '../answers.ts';
import { plain, size, table } from '../output.ts';
import type { Run, Runner } from '../run.ts';

export async function hostOf(run: Run, ref: string): Promise<ContainerHost | undefined> {
  const { containerHosts = [] } = await run.core.call('core.snapshot', undefined);
  return containerHosts.find(({ id, name }) => id === ref || name === ref);
}

/** Looks at a host before anything is asked of it; secrets may be asked for. Its id. */
export async function ready(run: Run, ref: string): Promise<ContainerHost | undefined> {
  const host = await hostOf(run, ref);
  if (host?.facts) return host;
  await answering(run, () => run.follow(() => run.core.call('containers.lookAtHost', { host: ref })));
  return hostOf(run, ref);
}

export function registerHosts(group: Command, runner: Runner): void {
  const hosts = runner.define(group, 'hosts', 'Where containers run, and what each can hold them to');
  runner.action<[]>(hosts, async (run) => {
    await ready(run, 'local').catch(() => {}); // its row says what is wrong
    const { containerHosts = [] } = await run.core.call('core.snapshot', undefined);
    const rows = containerHosts.map((host) => [
      host.name,
      host.error?.message ?? host.status,
      host.facts ? `${host.facts.version}${host.facts.rootless ? ', rootless' : ', root'}` : '-',
      host.facts?.limits
        .filter(({ ok }) => !ok)
        .map(({ kind }) => limitWords[kind])
        .join(', ') || (host.facts ? 'all limits' : '-'),
    ]);
    return { data: containerHosts, text: table(['HOST', 'STATE', 'PODMAN', 'CANNOT HOLD'], rows) };
  });
  const add = runner
    .define(group, 'add-host', 'Use the podman of a guest or server')
    .argument('<name>', 'guest or server')
    .option('--sudo', 'as root there, by sudo without a password');
  runner.action<[string]>(add, async (run, target) => {
    const { id } = await run.core.call('containers.addHost', {
      target,
      sudo: add.opts<{ sudo?: boolean }>().sudo === true,
    });
    await answering(run, () => run.follow(() => run.core.call('containers.lookAtHost', { host: id })));
    return { data: await hostOf(run, id), text: `${plain(target)} is a host of containers.` };
  });
  const remove = runner
    .define(group, 'remove-host', 'Use it no more; its containers stay')
    .argument('<host>', 'name or id');
  runner.action<[string]>(remove, async ({ core }, host) => {
    await core.call('containers.removeHost', { host });
    return { data: { host }, text: `${plain(host)} is no host of containers any more.` };
  });
}

export function registerCompare(group: Command, runner: Runner): void {
  const compare = runner
    .define(group, 'compare', 'Measure it beside a guest of the same application')
    .argument('<name>', 'container')
    .argument('<guest>', 'guest');
  runner.action<[string, string]>(compare, async (run, ref, guestRef) => {
    const guest = await run.guest(guestRef);
    await run.follow(() => run.core.call('containers.compare', { guest: guest.id, container: ref }));
    const found = await run.core.call('containers.comparison', undefined);
    const ms = (value: number | null | undefined) =>
      value == null ? 'not measured' : `${Math.round(value)} ms`;
    const room = (value: number | null | undefined) => (value == null ? 'not measured' : size(value));
    const rows = [found?.guest, found?.container].map((side) => [
      side?.name ?? '',
      room(side?.memory),
      ms(side?.start),
      room(side?.disk),
    ]);
    return { data: found, text: table(['', 'MEMORY', 'START', 'DISK'], rows) };
  });
}
