import type { Handlers } from '../api.ts';
import { type HostDeps, hostReport } from './report.ts';

/** The Host page's call. */
export function createHost(deps: HostDeps) {
  const handlers: Handlers<'host.report'> = {
    'host.report': ({ refresh, wait }) => hostReport(deps, refresh, wait),
  };
  return { handlers };
}
