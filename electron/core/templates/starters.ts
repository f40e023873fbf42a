import { stat } from 'node:fs/promises';
import type { Starter } from '../../../shared/model/starter.ts';
import type { Announce, Handlers } from '../api.ts';
import type { OperationRunner } from '../operations/runner.ts';
import type { Log } from '../platform/log.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import { buildStarter, findStarter } from './starter/build.ts';
import { guestUser } from './starter/recipe.ts';

export interface StartersDeps {
  readonly paths: LibraryPaths;
  readonly log: Log;
  readonly runner: OperationRunner;
  readonly announce: Announce;
}

/** The systems Guesthouse builds itself. */
export async function createStarters(deps: StartersDeps) {
  let building = false;
  let current = await look();

  async function look(): Promise<Starter> {
    const image = await findStarter({ id: 'debian-12' }, deps.paths);
    const disk = image ? await stat(image.disk).catch(() => null) : null;
    return {
      id: 'debian-12',
      title: 'Debian 12, built here',
      summary: 'A small Debian from its own packages, with systemd, an SSH server, the guest agent and sudo.',
      status: building ? 'building' : disk ? 'built' : 'absent',
      size: disk ? disk.blocks * 512 : null,
      builtAt: image?.builtAt ?? null,
      user: guestUser,
      login: `Log in as ${guestUser} with the password ${guestUser}; over SSH with a key only.`,
    };
  }

  /** Looks again, and tells when something changed. */
  async function refresh(): Promise<Starter> {
    const next = await look();
    if (JSON.stringify(next) !== JSON.stringify(current)) deps.announce({ type: 'starter', starter: next });
    current = next;
    return next;
  }

  const handlers: Handlers<'starters.list' | 'starters.build'> = {
    'starters.list': async () => [await refresh()],
    'starters.build': async ({ id }) => {
      const { operation, result } = deps.runner.start(
        { kind: 'starter.build', title: 'Building Debian 12', lock: `starter:${id}` },
        async (op) => {
          building = true;
          await refresh();
          try {
            await buildStarter({ id }, deps, op);
          } finally {
            building = false;
            await refresh();
          }
        },
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
  };
  return { handlers, snapshot: () => [current], refresh };
}
