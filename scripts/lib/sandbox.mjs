// Whether Chromium's sandbox can work for an unpacked Electron on this machine, and how to mend it where not.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isRoot, run, which } from './common.mjs';

/**
 * Chromium needs user namespaces, or its helper chrome-sandbox owned by root and setuid.
 * @param {string} executable Electron's
 * @returns {Promise<{works: true} | {works: false, why: string, mend: string}>} as root always "works": there the
 *   sandbox is refused by Chromium itself, and whoever starts the app says so
 */
export async function checkSandbox(executable) {
  if (isRoot || process.platform !== 'linux') return { works: true };
  if (helperIsSetuid(executable)) return { works: true };
  if (read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    if (hasProfile(executable)) return { works: true };
    return {
      works: false,
      why: "AppArmor on this system (Ubuntu's rule) lets only programs with a profile make user namespaces, and Electron's sandbox needs them.",
      mend: `Give this Electron a profile, once:\n${profileCommand(executable)}`,
    };
  }
  for (const [file, bad, setting] of [
    ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=1'],
    ['/proc/sys/user/max_user_namespaces', '0', 'user.max_user_namespaces=15000'],
  ])
    if (read(file) === bad)
      return {
        works: false,
        why: `User namespaces are switched off here (${file} is ${bad}), and Electron's sandbox needs them.`,
        mend: `Switch them on:\n  echo ${setting} | sudo tee /etc/sysctl.d/60-guesthouse.conf && sudo sysctl --system`,
      };
  if (which('unshare')) {
    const tried = await run('unshare', ['--user', '--map-root-user', 'true']);
    if (tried.code !== 0)
      return {
        works: false,
        why: `A user namespace could not be made (${tried.stderr.trim()}), and Electron's sandbox needs one.`,
        mend: `Let root own Electron's helper instead:\n  sudo chown root ${helper(executable)} && sudo chmod 4755 ${helper(executable)}`,
      };
  }
  return { works: true };
}

const helper = (executable) => join(dirname(executable), 'chrome-sandbox');

function helperIsSetuid(executable) {
  try {
    const { uid, mode } = statSync(helper(executable));
    return uid === 0 && (mode & 0o4001) === 0o4001;
  } catch {
    return false;
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

function hasProfile(executable) {
  try {
    return readdirSync('/etc/apparmor.d').some((name) =>
      read(`/etc/apparmor.d/${name}`)?.includes(executable),
    );
  } catch {
    return false;
  }
}

function profileCommand(executable) {
  return [
    "  sudo tee /etc/apparmor.d/guesthouse-electron >/dev/null <<'END'",
    '  abi <abi/4.0>,',
    '  include <tunables/global>',
    `  profile guesthouse-electron "${executable}" flags=(unconfined) {`,
    '    userns,',
    '  }',
    '  END',
    '  sudo apparmor_parser -r /etc/apparmor.d/guesthouse-electron',
  ].join('\n');
}
