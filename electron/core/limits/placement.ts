/** What podman needs so that a container enters a group. */
export interface ContainerPlacement {
  /** `--cgroup-parent`: a slice's name, or a path below the control group mounts. */
  readonly cgroupParent: string;
  /** `--cgroup-manager` it goes with. */
  readonly manager: 'systemd' | 'cgroupfs';
  /** True when the group belongs to root's manager: podman there must be root's too. */
  readonly root: boolean;
}

/** The groups of containers. `host`: guest or server; null: this machine. `container`: podman's full id. */
export interface ContainerGroups {
  /**
   * Where a container goes that is to be in a group. The group is made first, where it is not there.
   * @param group its id or name; it must be on the same machine
   * @throws {GuesthouseError} `not-found`; `unsupported` where there are no groups, with how to get them
   */
  place(group: string, host: string | null): Promise<ContainerPlacement>;
  /** It was made there, and is there for life. */
  joined(group: string, host: string | null, container: string, name: string): Promise<void>;
  /** Before it starts again: its group with its limits, or podman would make a control group without any. */
  again(host: string | null, container: string): Promise<void>;
  /** It was removed. */
  left(container: string): Promise<void>;
}
