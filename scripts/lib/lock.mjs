// One run at a time, where two would tread on each other.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Takes the lock `file`, waiting for whoever holds it; a holder that is gone holds nothing. Released at exit.
 * @param {string} file
 * @param {(line: string) => void} tell called once when there is a wait
 */
export async function takeLock(file, tell) {
  let told = false;
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(file, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = holderOf(file);
    if (holder === null) {
      rmSync(file, { force: true });
      continue;
    }
    if (!told) tell(`waiting for process ${holder}, which holds ${file}`);
    told = true;
    await new Promise((done) => setTimeout(done, 500));
  }
}

function holderOf(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // An empty file is one that is being written.
    if (pid > 0) process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === 'EPERM' ? 'of another person' : null;
  }
}
