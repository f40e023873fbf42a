import type { LimitKind, LimitSupport } from '../../../shared/model/container.ts';

export interface SupportFacts {
  /** "this computer" or the host's name. */
  readonly place: string;
  readonly v2: boolean;
  readonly rootless: boolean;
  /** Of cgroup v2: those podman may use as this user. */
  readonly controllers: readonly string[];
  /** Programs and kernel features found: `tc`, `nsenter`, `memsw`, `throttle`… */
  readonly has: ReadonlySet<string>;
  /** A container can have a control group: not where podman, without root, may make none. */
  readonly grouped: boolean;
  /** podman can change limits while a container runs. */
  readonly updatable: boolean;
}

const controllerOf: Readonly<Partial<Record<LimitKind, string>>> = {
  memory: 'memory',
  swap: 'memory',
  cpus: 'cpu',
  cpuWeight: 'cpu',
  cpuSet: 'cpuset',
  pids: 'pids',
  disk: 'io',
};

const ok = (kind: LimitKind, why: string | null = null): LimitSupport => ({
  kind,
  ok: true,
  why,
  todo: null,
});
const no = (kind: LimitKind, why: string, todo: string | null): LimitSupport => ({
  kind,
  ok: false,
  why,
  todo,
});

/** What a host can hold a container to, and for the rest why not and how to get it. Pure. */
export function supportOf(facts: SupportFacts): LimitSupport[] {
  const kinds: LimitKind[] = ['memory', 'swap', 'cpus', 'cpuWeight', 'cpuSet', 'pids', 'disk'];
  return [...kinds.map((kind) => cgroup(kind, facts)), net('netUp', facts), net('netDown', facts)];
}

function cgroup(
  kind: LimitKind,
  { v2, rootless, controllers, has, grouped, place }: SupportFacts,
): LimitSupport {
  const controller = controllerOf[kind]!;
  if (!v2) {
    if (rootless)
      return no(
        kind,
        `The kernel of ${place} uses cgroup v1, where only root may set limits; podman runs here as an ordinary user.`,
        'Start the kernel with systemd.unified_cgroup_hierarchy=1 (cgroup v2), or run podman as root.',
      );
    if (kind === 'swap' && !has.has('memsw'))
      return no(kind, 'The kernel does not count swap.', 'Start it with swapaccount=1.');
    if (kind === 'disk')
      return has.has('throttle')
        ? ok(
            kind,
            'With cgroup v1 only reads and direct writes are held back, not what goes through the page cache.',
          )
        : no(kind, 'The kernel was built without block I/O throttling.', null);
    return ok(kind);
  }
  if (!grouped)
    return no(
      kind,
      `podman finds no systemd session of your account on ${place}, so it may make no control groups there.`,
      'Run "sudo loginctl enable-linger $USER" there (on Debian and Ubuntu with libpam-systemd and dbus-user-session installed) and look again, or run podman as root.',
    );
  if (controllers.includes(controller)) return ok(kind);
  if (rootless)
    return no(
      kind,
      `The cgroup controller "${controller}" is not delegated to your account on ${place}.`,
      `As root, put "[Service]" and "Delegate=cpu cpuset io memory pids" into /etc/systemd/system/user@.service.d/delegate.conf, then run "systemctl daemon-reload" and log in anew.`,
    );
  return no(kind, `The kernel of ${place} has no cgroup controller "${controller}".`, null);
}

function net(kind: 'netUp' | 'netDown', { rootless, has }: SupportFacts): LimitSupport {
  const lacking = ['tc', 'nsenter', 'ip'].filter((program) => !has.has(program));
  if (lacking.length)
    return no(
      kind,
      `${lacking.join(' and ')} ${lacking.length === 1 ? 'is' : 'are'} not installed there.`,
      'On Debian and Ubuntu: sudo apt install iproute2 util-linux.',
    );
  if (kind === 'netDown' && rootless)
    return no(
      kind,
      'Without root a container’s network has no end on the host where what comes in could be held back.',
      'Run podman as root for this container, or limit the sender.',
    );
  return ok(kind);
}
