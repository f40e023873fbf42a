import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { run } from '../platform/exec.ts';
import type { TestCore } from './core.ts';

/** A booted guest with systemd and cgroup v2, whose user `debian` may use sudo. */
export interface BootedGuest {
  readonly test: TestCore;
  readonly guest: string;
}

/** Runs commands in a guest, over one SSH connection. @param booted the guest at the moment: a test may open another core */
export function inGuestOf(booted: () => BootedGuest) {
  // An emulated processor takes seconds to agree on keys.
  const socket = path.join(tmpdir(), `gh-in-${process.pid}`);
  const shared = [`ControlPath=${socket}`, 'ControlMaster=auto', 'ControlPersist=20'];
  return async (command: readonly string[], okCodes?: readonly number[]) => {
    const { test, guest } = booted();
    const { argv } = await test.core.call('ssh.command', { target: guest, command: [...command] });
    const [program, ...rest] = argv;
    const words = [...shared.flatMap((option) => ['-o', option]), ...rest];
    return run([program!, ...words], { okCodes, timeoutMs: 120_000 });
  };
}
