import type { Handlers } from '../api.ts';
import type { LibraryPaths } from '../platform/paths.ts';
import type { Accelerators } from '../qemu/accelerators.ts';
import { hostReport } from './report.ts';

export interface HostDeps {
  readonly paths: LibraryPaths;
  readonly accelerators: Accelerators;
  readonly qemu?: string;
}

/** The Host page's call. */
export function createHost(deps: HostDeps) {
  const handlers: Handlers<'host.report'> = {
    'host.report': ({ refresh }) => hostReport(deps, refresh),
  };
  return { handlers };
}
