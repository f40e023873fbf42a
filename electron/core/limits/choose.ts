import { GuesthouseError } from '../../../shared/errors.ts';
import type { Backend } from './backend.ts';
import type { Facts } from './facts.ts';
import { systemdBackend } from './systemd.ts';
import { shareCommand, v1Backend } from './v1.ts';
import { v2Backend } from './v2.ts';

/**
 * How groups are made on a machine: by systemd where it runs, else by cgroup2 where a part of it is ours and has the
 * controllers, else by control groups of version 1.
 * @throws {GuesthouseError} `no-permission` or `unsupported`, with how to get them
 */
export function chooseBackend(facts: Facts): Backend {
  const { programs, delegated } = facts;
  const root = facts.uid === 0 || facts.sudo;
  if (facts.systemd) {
    const tools = ['systemctl', 'systemd-run', 'busctl'].filter((name) => !programs.has(name));
    if (tools.length > 0)
      throw new GuesthouseError('program-missing', 'There can be no resource groups here.', {
        why: `systemd runs, but ${tools.join(', ')} is not installed.`,
        todo: 'Install systemd’s own programs (Debian: the package systemd).',
      });
    const own = facts.uid !== 0 && facts.userManager?.bus ? facts.userManager : null;
    // One that ends with the last login takes what runs in its groups along when our connection closes.
    if (own && (own.lingers || !facts.far)) return systemdBackend(facts, 'user');
    if (root) return systemdBackend(facts, 'system');
    if (own) return systemdBackend(facts, 'user');
  }
  if (delegated && ['memory', 'cpu', 'pids'].some((name) => delegated.controllers.includes(name)))
    if (!facts.systemd || delegated.inner) return v2Backend(facts, delegated, facts.uid !== 0 && facts.sudo);
  if ([...facts.v1.values()].some(({ base }) => base !== null))
    return v1Backend(facts, facts.uid !== 0 && facts.sudo);
  throw refusal(facts);
}

function refusal(facts: Facts): GuesthouseError {
  const message = 'There can be no resource groups here.';
  if (facts.systemd && facts.userManager && !facts.userManager.bus)
    return new GuesthouseError('program-missing', message, {
      why: `${facts.user}’s own systemd manager has no D-Bus, by which processes are moved.`,
      todo: 'Install the package dbus-user-session (Debian) and log in anew.',
    });
  if (facts.systemd)
    return new GuesthouseError('no-permission', message, {
      why: `systemd runs, but ${facts.user} has no manager of its own.`,
      todo: `Log in through PAM with libpam-systemd installed, or keep a manager running: sudo loginctl enable-linger ${facts.user}`,
    });
  if (facts.v1.size > 0)
    return new GuesthouseError('no-permission', message, {
      why: `No control group was delegated to ${facts.user}: only root may write to ${[...facts.v1.values()][0]!.mount}.`,
      todo: `Run Guesthouse as root, or have root share a folder of each controller: ${shareCommand(facts)}`,
    });
  if (facts.v2)
    return new GuesthouseError('no-permission', message, {
      why: `No part of ${facts.v2.mount} was delegated to ${facts.user}.`,
      todo: 'Run Guesthouse as root, or in a control group whose folder and files cgroup.procs and cgroup.subtree_control belong to you.',
    });
  return new GuesthouseError('unsupported', message, {
    why: 'No control group file system is mounted.',
    todo: 'Mount it: mount -t cgroup2 none /sys/fs/cgroup',
  });
}
