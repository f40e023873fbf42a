/** Where core's own messages go. Secrets are never passed in. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string, cause?: unknown): void;
}

export const silentLog: Log = { info() {}, warn() {}, error() {} };

/** Writes lines to stderr with a time; the window redirects stderr to a file in the cache. */
export const stderrLog: Log = {
  info: (message) => write('info', message),
  warn: (message) => write('warn', message),
  error: (message, cause) =>
    write(
      'error',
      cause === undefined ? message : `${message}: ${cause instanceof Error ? cause.stack : String(cause)}`,
    ),
};

function write(level: string, message: string) {
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}\n`);
}
