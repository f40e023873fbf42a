// The text files of the .deb.
import { requirements } from './requirements.mjs';

/** deb-control(5). What Guesthouse runs on is what set-up looks for, but Xvfb. */
export function controlFile({ version, description }) {
  const packages = requirements
    .filter((need) => need.use === 'run' && need.only !== 'headless')
    .map((need) => need.apt);
  const depends = [...new Set(packages)].map((name) =>
    name.startsWith('lib') ? `${name} | ${name}t64` : name,
  );
  return `${[
    'Package: guesthouse',
    `Version: ${version}`,
    'Architecture: amd64',
    'Maintainer: The Guesthouse authors <guesthouse@localhost>',
    'Section: admin',
    'Priority: optional',
    `Depends: ${depends.sort().join(', ')}`,
    'Recommends: nodejs (>= 18)',
    `Description: ${description}`,
    ' Runs guests, makes templates of them and clones of those, each with an identity',
    ' of its own, and opens SSH consoles to them.',
  ].join('\n')}\n`;
}

/** The command line; without arguments, the window. */
export const launcher = `#!/bin/sh
set -e
if [ $# -eq 0 ]; then exec /usr/lib/guesthouse/guesthouse; fi
if ! command -v node >/dev/null; then
  echo 'The guesthouse command line needs Node 18 or newer: apt-get install nodejs' >&2
  exit 3
fi
export NODE_PATH=/usr/lib/guesthouse/resources/app.asar.unpacked/node_modules
exec node /usr/lib/guesthouse/resources/cli/cli.cjs "$@"
`;

export const desktopFile = `[Desktop Entry]
Type=Application
Name=Guesthouse
Comment=Run virtual machines whose clones are machines of their own
Exec=/usr/lib/guesthouse/guesthouse %U
Icon=guesthouse
Categories=System;Emulator;
StartupWMClass=Guesthouse
Terminal=false
`;

/** Chromium's sandbox helper must be setuid where user namespaces are not for everyone; Ubuntu wants a profile too. */
export const postinst = `#!/bin/sh
set -e
chown root:root /usr/lib/guesthouse/chrome-sandbox
chmod 4755 /usr/lib/guesthouse/chrome-sandbox
if [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
  cat > /etc/apparmor.d/guesthouse <<'END'
abi <abi/4.0>,
include <tunables/global>
profile guesthouse /usr/lib/guesthouse/guesthouse flags=(unconfined) {
  userns,
}
END
  apparmor_parser -r /etc/apparmor.d/guesthouse || true
fi
`;

export const prerm = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -e /etc/apparmor.d/guesthouse ]; then
  apparmor_parser -R /etc/apparmor.d/guesthouse || true
  rm -f /etc/apparmor.d/guesthouse
fi
`;
