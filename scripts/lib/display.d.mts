export function hasDisplay(env?: NodeJS.ProcessEnv): boolean;
export function startXvfb(size?: { width?: number; height?: number }): Promise<{
  readonly display: string;
  close(): Promise<void>;
}>;
