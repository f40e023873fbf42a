/** Where core's own messages go. Secrets are never passed in. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string, cause?: unknown): void;
}

export const silentLog: Log = { info() {}, warn() {}, error() {} };
