import { execFileSync, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';

/** What podman is made of beside what the starter guest has: Debian's packages. */
const packages = [
  'podman',
  'conmon',
  'runc',
  'golang-github-containers-common',
  'golang-github-containers-image',
  'libsubid4',
  'libgpgme11',
  'libassuan0',
  'libdevmapper1.02.1',
  'libseccomp2',
  'libglib2.0-0',
  'slirp4netns',
  'libslirp0',
  'uidmap',
];

const unpack = `
tar -xzp -C / --keep-directory-symlink --skip-old-files -f - && ldconfig
grep -q "^$1:" /etc/subuid 2>/dev/null || { echo "$1:100000:65536" >>/etc/subuid; echo "$1:100000:65536" >>/etc/subgid; }
podman --version
`;

/** Files of these packages on this computer; null where it is no Debian of the guest's release with podman on it. */
function podmanFiles(release: string): string[] | null {
  try {
    const here = execFileSync('sh', ['-c', '. /etc/os-release; echo "$ID $VERSION_ID"'], {
      encoding: 'utf8',
    });
    if (here.trim() !== release) return null;
    const text = execFileSync('dpkg', ['-L', ...packages], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const files = [...new Set(text.split('\n'))].filter(
      (file) => file.startsWith('/') && !/^\/usr\/share\/(?!containers)/.test(file) && existsSync(file),
    );
    return files.filter((file) => !statSync(file).isDirectory());
  } catch {
    return null;
  }
}

/**
 * Puts this computer's podman into a guest of the same Debian, through ssh and without a network. False: it cannot.
 * @param ssh argv of ssh to the guest, to which the far command's words are added
 */
export async function installPodman(
  ssh: (command: readonly string[]) => Promise<readonly string[]>,
  user: string,
) {
  const files = podmanFiles('debian 12');
  if (!files) return false;
  const pack = spawn('tar', ['-C', '/', '-cz', '--no-recursion', '-T', '-'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  pack.stdin.end(files.map((file) => file.slice(1)).join('\n'));
  const [program, ...words] = await ssh(['sudo', '-n', 'sh', '-c', unpack, 'sh', user]);
  const far = spawn(program!, words, { stdio: [pack.stdout, 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => far.on('exit', resolve));
  if (code !== 0) throw new Error(`podman did not come into the guest: exit code ${code}`);
  return true;
}
