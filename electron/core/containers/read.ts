/** Reads what podman prints. Its JSON is taken with care: fields differ between versions, and names are hostile. */
import {
  type Container,
  type ContainerDetail,
  type ContainerImage,
  type ContainerPort,
  type ContainerState,
  type DiskLimit,
  type Limits,
  noLimits,
} from '../../../shared/model/container.ts';

type Json = Record<string, unknown>;
const object = (value: unknown): Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const positive = (value: unknown): number | null => (number(value) > 0 ? number(value) : null);

/** An array, `null` or nothing at all when there are none. */
function parseList(json: string): Json[] {
  const trimmed = json.trim();
  return trimmed === '' ? [] : list(JSON.parse(trimmed)).map(object);
}

const states: Readonly<Record<string, ContainerState>> = {
  created: 'created',
  configured: 'created',
  initialized: 'created',
  running: 'running',
  paused: 'paused',
  exited: 'exited',
  stopped: 'exited',
  stopping: 'stopping',
};

export function containerId(host: string, podmanId: string): string {
  return `${host}:${podmanId}`;
}

/** Splits at the last colon: podman's ids are hexadecimal. Null when it is no id of ours. */
export function splitId(id: string): { host: string; podmanId: string } | null {
  const match = /^(.+):([0-9a-f]{64})$/s.exec(id);
  return match ? { host: match[1]!, podmanId: match[2]! } : null;
}

/** `podman ps --all --format json` (podman-ps(1)). */
export function readPs(host: string, json: string): Container[] {
  return parseList(json)
    .filter((one) => /^[0-9a-f]{64}$/.test(text(one.Id)) && one.IsInfra !== true)
    .map((one) => {
      const podmanId = text(one.Id);
      const state = states[text(one.State).toLowerCase()] ?? 'other';
      const started = number(one.StartedAt);
      return {
        id: containerId(host, podmanId),
        host,
        podmanId,
        name: text(list(one.Names)[0]) || podmanId.slice(0, 12),
        image: text(one.Image) || text(one.ImageID).slice(0, 12),
        command: list(one.Command).map(text),
        state,
        statusText: text(one.Status),
        startedAt: started > 0 ? started * 1000 : null,
        createdAt: number(one.Created) * 1000,
        exitCode: state === 'exited' ? number(one.ExitCode) : null,
        ports: list(one.Ports).flatMap((port) => readPorts(object(port))),
        pid: state === 'running' || state === 'paused' ? positive(one.Pid) : null,
        notHeld: null,
      };
    });
}

function readPorts(port: Json): ContainerPort[] {
  const range = Math.min(Math.max(1, number(port.range)), 1000);
  const protocol = text(port.protocol);
  return Array.from({ length: range }, (_, i) => ({
    address: text(port.host_ip),
    hostPort: number(port.host_port) + i,
    port: number(port.container_port) + i,
    protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
  }));
}

/** `podman images --format json`. */
export function readImages(json: string): ContainerImage[] {
  return parseList(json).flatMap((one) => {
    const names = list(one.Names).map(text).filter(Boolean);
    const id = text(one.Id);
    const base = { id, size: number(one.Size), createdAt: number(one.Created) * 1000 };
    if (one.Dangling === true && names.length === 0) return [{ ...base, name: id.slice(0, 12) }];
    return names.map((name) => ({ ...base, name }));
  });
}

/** The weight of cgroup v2 for v1's shares, by the scale on which both have their default (systemd's own). */
export const weightOf = (shares: number) => Math.max(1, Math.min(10_000, Math.round((shares * 100) / 1024)));
export const sharesOf = (weight: number) => Math.max(2, Math.round((weight * 1024) / 100));

/** Limits as `podman inspect` has them: what was asked for at creation. */
function readLimits(config: Json): Limits {
  const memory = positive(config.Memory);
  const memorySwap = number(config.MemorySwap);
  const period = positive(config.CpuPeriod) ?? 100_000;
  const quota = positive(config.CpuQuota);
  const nano = positive(config.NanoCpus);
  const shares = positive(config.CpuShares);
  const devices = new Map<string, DiskLimit>();
  const fill = (key: keyof DiskLimit, value: unknown) => {
    for (const one of list(value).map(object)) {
      const device = text(one.Path);
      const before = devices.get(device) ?? {
        device,
        readBps: null,
        writeBps: null,
        readIops: null,
        writeIops: null,
      };
      devices.set(device, { ...before, [key]: positive(one.Rate) });
    }
  };
  fill('readBps', config.BlkioDeviceReadBps);
  fill('writeBps', config.BlkioDeviceWriteBps);
  fill('readIops', config.BlkioDeviceReadIOps);
  fill('writeIops', config.BlkioDeviceWriteIOps);
  return {
    ...noLimits,
    memory,
    swap: memory !== null && memorySwap >= memory ? memorySwap - memory : null,
    cpus: nano ? nano / 1e9 : quota ? quota / period : null,
    cpuWeight: shares ? weightOf(shares) : null,
    cpuSet: text(config.CpusetCpus) || null,
    pids: positive(config.PidsLimit),
    disk: [...devices.values()],
  };
}

export type Inspected = Omit<ContainerDetail, 'container' | 'inForce'> & {
  readonly state: ContainerState;
  readonly pid: number | null;
};

/** `podman inspect --type container --format json ID`: the first one. Null when it has none. */
export function readInspect(json: string): Inspected | null {
  const [one] = parseList(json);
  if (!one) return null;
  const state = object(one.State);
  const config = object(one.Config);
  const hostConfig = object(one.HostConfig);
  const network = object(one.NetworkSettings);
  const addresses = [
    text(network.IPAddress),
    ...Object.values(object(network.Networks)).map((net) => text(object(net).IPAddress)),
  ].filter((address, index, all) => address !== '' && all.indexOf(address) === index);
  return {
    state: states[text(state.Status).toLowerCase()] ?? 'other',
    pid: positive(state.Pid),
    env: list(config.Env)
      .map(text)
      .map((line) => {
        const at = line.indexOf('=');
        return at < 0 ? { name: line, value: '' } : { name: line.slice(0, at), value: line.slice(at + 1) };
      }),
    mounts: list(one.Mounts)
      .map(object)
      .map((mount) => ({
        type: text(mount.Type),
        source: text(mount.Name) || text(mount.Source),
        target: text(mount.Destination),
        readOnly: mount.RW === false,
      })),
    restart: text(object(hostConfig.RestartPolicy).Name) || 'no',
    workingDir: text(config.WorkingDir),
    user: text(config.User),
    addresses,
    oomKilled: state.OOMKilled === true,
    error: text(state.Error),
    wanted: readLimits(hostConfig),
    inspect: JSON.stringify(one, null, 2),
  };
}
