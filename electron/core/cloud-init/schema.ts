import * as z from 'zod';

const text = z.string('Write text here, in quotes if it looks like a number or a yes or no.');
const flag = z.boolean('Write true or false.');
const texts = z.array(text, 'Write a list: one item a line, each after a dash.');
const command = z.union([text, z.array(z.union([z.string(), z.number()])).min(1), z.null()], {
  error: 'A command is a line of text, or a list of words.',
});
const commands = z.array(command, 'Write a list of commands: one a line, each after a dash.');
const keyLine = text.regex(
  /^(?:.*\s)?(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}(?:\s|$)/,
  'This is no public SSH key: one begins with ssh-ed25519, ssh-rsa or ecdsa-…',
);
const keys = z.array(keyLine, 'Write a list of public keys, each after a dash.');
const mode = z
  .string('Put the mode in quotes, such as "0644": a bare number means something else.')
  .regex(/^0?[0-7]{3,4}$/);

const user = z.looseObject({
  name: text,
  gecos: text.optional(),
  groups: z.union([text, texts, z.record(z.string(), z.unknown())]).optional(),
  homedir: text.optional(),
  lock_passwd: flag.optional(),
  no_create_home: flag.optional(),
  passwd: text.optional(),
  hashed_passwd: text.optional(),
  plain_text_passwd: text.optional(),
  primary_group: text.optional(),
  shell: text.optional(),
  ssh_authorized_keys: keys.optional(),
  ssh_import_id: texts.optional(),
  sudo: z.union([text, texts, z.literal(false), z.null()]).optional(),
  system: flag.optional(),
  uid: z.union([z.number().int(), z.string()]).optional(),
});

const file = z.looseObject({
  path: text.startsWith('/', 'A path begins with /.'),
  content: z.union([text, z.instanceof(Uint8Array)]).optional(),
  owner: text.optional(),
  permissions: mode.optional(),
  encoding: z
    .enum(['gz', 'gzip', 'gz+base64', 'gzip+base64', 'gz+b64', 'gzip+b64', 'b64', 'base64', 'text/plain'])
    .optional(),
  append: flag.optional(),
  defer: flag.optional(),
});

const packageName = z.union(
  [text.min(1), z.array(z.string()).min(1).max(2), z.record(z.string(), z.unknown())],
  'A package is a name, or a name and a version.',
);

/**
 * What people write in `#cloud-config` (cloud-init's module reference): the kinds of its values. cloud-init itself
 * goes on at an error and leaves out what it did not understand, so that a guest comes up without its user.
 */
export const cloudConfig = z.looseObject({
  hostname: text.optional(),
  fqdn: text.optional(),
  prefer_fqdn_over_hostname: flag.optional(),
  preserve_hostname: flag.optional(),
  manage_etc_hosts: z.union([flag, z.enum(['localhost', 'template'])]).optional(),
  user: z.union([text, z.looseObject({ name: text })]).optional(),
  users: z
    .array(z.union([text, user], 'A user is `default`, a name, or a group of settings with a name.'), {
      error: 'Write a list of users, each after a dash.',
    })
    .optional(),
  password: text.optional(),
  chpasswd: z
    .looseObject({
      expire: flag.optional(),
      list: z.union([text, texts]).optional(),
      users: z
        .array(
          z.looseObject({
            name: text,
            password: text.optional(),
            type: z.enum(['hash', 'text', 'RANDOM']).optional(),
          }),
        )
        .optional(),
    })
    .optional(),
  ssh_pwauth: z.union([flag, z.enum(['unchanged'])]).optional(),
  ssh_authorized_keys: keys.optional(),
  ssh_import_id: texts.optional(),
  ssh_deletekeys: flag.optional(),
  ssh_genkeytypes: z.array(z.enum(['dsa', 'ecdsa', 'ed25519', 'rsa'])).optional(),
  ssh_keys: z.record(z.string(), text).optional(),
  disable_root: flag.optional(),
  packages: z.array(packageName, 'Write a list of packages, each after a dash.').optional(),
  package_update: flag.optional(),
  package_upgrade: flag.optional(),
  package_reboot_if_required: flag.optional(),
  runcmd: commands.optional(),
  bootcmd: commands.optional(),
  write_files: z.array(file, 'Write a list of files, each after a dash.').optional(),
  timezone: text.optional(),
  locale: z.union([text, z.literal(false)]).optional(),
  mounts: z.array(z.array(z.union([z.string(), z.null(), z.number()]))).optional(),
  final_message: text.optional(),
  power_state: z
    .looseObject({
      mode: z.enum(['poweroff', 'reboot', 'halt'], 'Write poweroff, reboot or halt.'),
      delay: z.union([z.number(), z.string()]).optional(),
      message: text.optional(),
      timeout: z.number().optional(),
      condition: z.union([flag, text, texts]).optional(),
    })
    .optional(),
});

/** Further top-level keys that cloud-init knows and whose values are not judged here. */
const others = [
  'allow_public_ssh_keys', 'ansible', 'apk_repos', 'apt', 'apt_pipelining', 'autoinstall', 'byobu_by_default',
  'ca-certs', 'ca_certs', 'chef', 'cloud_config_modules', 'cloud_final_modules', 'cloud_init_modules', 'create_hostname_file',
  'datasource', 'datasource_list', 'device_aliases', 'disable_ec2_metadata', 'disable_root_opts', 'disk_setup', 'drivers',
  'fan', 'fs_setup', 'growpart', 'groups', 'grub-dpkg', 'grub_dpkg', 'keyboard', 'landscape', 'launch-index', 'locale_configfile',
  'lxd', 'manual_cache_clean', 'mcollective', 'merge_how', 'merge_type', 'migrate', 'mount_default_fields',
  'no_ssh_fingerprints', 'ntp', 'output', 'phone_home', 'puppet', 'random_seed', 'redhat_subscription', 'reporting',
  'resize_rootfs', 'resolv_conf', 'rh_subscription', 'rsyslog', 'salt_minion', 'snap', 'spacewalk', 'ssh',
  'ssh_fp_console_blacklist', 'ssh_key_console_blacklist', 'ssh_publish_hostkeys', 'ssh_quiet_keygen', 'swap', 'swupdate',
  'system_info', 'ubuntu_advantage', 'ubuntu_pro', 'updates', 'vendor_data', 'version', 'wireguard', 
  'yum_repo_dir', 'yum_repos', 'zypper',
]; // biome-ignore format: a list

/** All top-level keys that mean something. */
export const knownKeys: ReadonlySet<string> = new Set([...Object.keys(cloudConfig.shape), ...others]);
