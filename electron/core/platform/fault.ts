/**
 * A place where a test can kill this process as `kill -9` would, to prove that nothing is lost there. Armed by the
 * environment variable GUESTHOUSE_FAULT=<name>[@<nth time>]; without it, nothing happens.
 */
export function faultPoint(name: string): void {
  const armed = process.env.GUESTHOUSE_FAULT;
  if (armed === undefined) return;
  const [wanted, nth] = armed.split('@');
  if (wanted !== name) return;
  const passed = (passes.get(name) ?? 0) + 1;
  passes.set(name, passed);
  if (passed >= Number(nth ?? 1)) process.kill(process.pid, 'SIGKILL');
}

const passes = new Map<string, number>();
