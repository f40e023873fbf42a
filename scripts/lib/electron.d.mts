export interface ElectronRuntime {
  readonly executable: string;
  readonly version: string;
  readonly fallback: boolean;
}
export function pinnedVersion(): string;
export function findElectron(env?: NodeJS.ProcessEnv): ElectronRuntime | null;
export function ensureElectron(tell: (line: string) => void): Promise<ElectronRuntime>;
export function describeRuntime(runtime: ElectronRuntime): string;
