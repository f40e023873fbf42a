/** What podman needs so that a container enters a group. */
export interface ContainerPlacement {
  /** `--cgroup-parent`: a slice's name, or a path below the control group mounts. */
  readonly cgroupParent: string;
  /** `--cgroup-manager` it goes with. */
  readonly manager: 'systemd' | 'cgroupfs';
  /** True when the group belongs to root's manager: podman there must be root's too. */
  readonly root: boolean;
}

/**
 * Where a container goes that is to be in a group. The group is made first, where it is not there.
 * @param groupId a group's id or name
 * @param host guest or server the container is on; null: this machine. The group must be on the same one
 * @throws {GuesthouseError} `not-found`; `unsupported` where there are no groups, with how to get them
 */
export type PlaceContainer = (groupId: string, host: string | null) => Promise<ContainerPlacement>;
