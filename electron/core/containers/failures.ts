import { GuesthouseError, isCancelled } from '../../../shared/errors.ts';

interface Place {
  readonly id: string;
  readonly name: string;
  readonly kind: 'local' | 'guest' | 'server';
}

const here = (place: Place) => (place.kind === 'local' ? 'this computer' : place.name);

interface Rule {
  readonly pattern: RegExp;
  readonly make: (
    place: Place,
    match: RegExpExecArray,
    detail: string,
  ) => {
    code: ConstructorParameters<typeof GuesthouseError>[0];
    message: string;
    why?: string;
    todo?: string;
  };
}

/** What podman's messages mean. Taken from what podman 4.3 printed; an unknown one is shown as it is. */
const rules: readonly Rule[] = [
  {
    pattern: /no (?:container with name or ID|such container)|no container with ID/i,
    make: (place) => ({
      code: 'not-found',
      message: 'The container is gone.',
      why: `podman on ${here(place)} does not know it any more: something else removed it.`,
      todo: 'Make it anew where it is still wanted.',
    }),
  },
  {
    pattern: /name "?([^"\s]+)"? is already in use/i,
    make: (_place, match) => ({
      code: 'name-taken',
      message: `There is a container named ${match[1]} already.`,
      todo: 'Choose another name, or remove that one.',
    }),
  },
  {
    pattern: /(?:address already in use|port is already allocated|bind: .*in use)/i,
    make: (_place, _match, detail) => ({
      code: 'port-taken',
      message: 'A port is in use already.',
      why: /(?:listen|bind|expose)[^\n]*?(\d+\.\d+\.\d+\.\d+:\d+|:\d{2,5})/.exec(detail)?.[1],
      todo: 'Choose another port on the host, or 0 for a free one.',
    }),
  },
  {
    pattern: /SELinux relabeling of (\S+) is not allowed/i,
    make: (_place, match) => ({
      code: 'unsupported',
      message: `Containers cannot be given ${match[1]}.`,
      why: 'SELinux is on there, and that folder’s label is the system’s own: with another it would not work any more.',
      todo: 'Give it a folder of its own, or a volume.',
    }),
  },
  {
    pattern: /\/dev\/net\/tun\b[^\n]*(?:Permission denied|No such file|Operation not permitted)/i,
    make: (place) => ({
      code: 'no-permission',
      message: `Containers get no network on ${here(place)}.`,
      why: 'Without root, podman connects them through /dev/net/tun, and this user may not open it.',
      todo: 'Run "sudo modprobe tun; sudo chmod 0666 /dev/net/tun" there (where udev runs, it does so at start), or make the container without a network.',
    }),
  },
  {
    pattern: /executable file .*?not found|no such file or directory: (?:OCI|unknown)|stat .*: no such file/i,
    make: (_place, _match, detail) => ({
      code: 'invalid-input',
      message: 'The command is not in the container.',
      why: lastLine(detail),
      todo: 'Give a program the image holds, with its full path where it is not on its search path.',
    }),
  },
  {
    pattern: /short-name .*did not resolve|no unqualified-search registries/i,
    make: () => ({
      code: 'invalid-input',
      message: 'The image name lacks its registry.',
      why: 'podman does not guess where an image comes from.',
      todo: 'Write it in full: docker.io/library/NAME:TAG.',
    }),
  },
  {
    pattern: /image not known|no such image|unable to find .*image/i,
    make: (place) => ({
      code: 'not-found',
      message: `The image is not on ${here(place)}.`,
      todo: 'Pull it, or import it from a tar.',
    }),
  },
  {
    pattern: /image .*is (?:in use|being used) by/i,
    make: () => ({
      code: 'busy',
      message: 'The image is in use.',
      why: 'A container was made from it.',
      todo: 'Remove the container first.',
    }),
  },
  {
    pattern: /unauthorized|authentication required|denied: requested access/i,
    make: () => ({
      code: 'auth-failed',
      message: 'The registry does not give this image to you.',
      why: 'It asks for a log-in, or the image does not exist there.',
      todo: 'Check the name, or run "podman login" for that registry.',
    }),
  },
  {
    pattern: /manifest unknown|not found: manifest|name unknown/i,
    make: () => ({
      code: 'not-found',
      message: 'The registry has no such image.',
      todo: 'Check its name and tag.',
    }),
  },
  {
    pattern: /server gave HTTP response to HTTPS client/i,
    make: (place, _match, detail) => ({
      code: 'unsupported',
      message: 'The registry speaks plain HTTP, and podman asks for HTTPS.',
      why: lastLine(detail),
      todo: `Where you trust the network to it, put "[[registry]]", "location = "HOST:PORT"" and "insecure = true" into a file in registries.conf.d of ${here(place)} (containers-registries.conf(5)).`,
    }),
  },
  {
    pattern:
      /(?:dial tcp|lookup .*: |connection (?:refused|reset)|i\/o timeout|unexpected EOF|no route to host|network is unreachable|TLS handshake|EOF$)/im,
    make: (_place, _match, detail) => ({
      code: 'unreachable',
      message: 'The registry does not answer, or the connection broke off.',
      why: lastLine(detail),
      todo: 'Check the network and the name, then try again: what had arrived is kept.',
    }),
  },
  {
    pattern: /no space left on device/i,
    make: (place) => ({
      code: 'no-space',
      message: `The disk of ${here(place)} is full.`,
      todo: 'Remove containers or images that are not needed ("podman image prune"), then try again.',
    }),
  },
  {
    pattern: /cannot be removed without force|cannot remove container .* as it is (?:running|paused)/i,
    make: () => ({
      code: 'wrong-state',
      message: 'The container runs.',
      todo: 'Stop it first, or remove it by force.',
    }),
  },
  {
    pattern: /can only (?:pause|kill|stop)|is not running|container state improper|can only create exec/i,
    make: () => ({
      code: 'wrong-state',
      message: "The container's state does not allow that.",
      todo: 'Start it first.',
    }),
  },
  {
    pattern: /a password is required|sudo: .*(?:tty|terminal|askpass)/i,
    make: (place) => ({
      code: 'no-permission',
      message: `sudo on ${here(place)} wants a password.`,
      todo: 'Use podman as your own user there, or allow sudo without a password.',
    }),
  },
  {
    pattern: /(?:sudo: )?podman: (?:command )?not found/i,
    make: (place) => missing(place),
  },
];

function missing(place: Place) {
  return {
    code: 'program-missing' as const,
    message: `podman is not installed on ${here(place)}.`,
    why: 'podman runs the containers; it needs no daemon.',
    todo: 'On Debian and Ubuntu: sudo apt install podman. On Fedora: sudo dnf install podman. On Arch: sudo pacman -S podman.',
  };
}

function lastLine(text: string): string | undefined {
  const line = text
    .split('\n')
    .map((one) => one.trim())
    .filter(Boolean)
    .at(-1);
  return line?.replace(/^Error: /, '').slice(0, 500);
}

/** Turns a failure of podman into what happened, why, and what to do. Anything not from podman passes unchanged. */
export function explainPodman(error: unknown, place: Place): unknown {
  if (isCancelled(error) || !(error instanceof GuesthouseError)) return error;
  if (error.code === 'program-missing') {
    const { code, ...rest } = missing(place);
    return new GuesthouseError(code, rest.message, { ...rest, subject: 'podman', cause: error });
  }
  if (error.code !== 'program-failed') return error;
  const detail = error.detail ?? error.why ?? '';
  for (const { pattern, make } of rules) {
    const match = pattern.exec(detail);
    if (!match) continue;
    const { code, message, why, todo } = make(place, match, detail);
    return new GuesthouseError(code, message, { why, todo, detail, subject: place.id, cause: error });
  }
  return new GuesthouseError('program-failed', `podman on ${here(place)} failed.`, {
    why: lastLine(detail),
    detail,
    subject: place.id,
    cause: error,
  });
}
