import { addressProblem, aliasProblem, type Server, userProblem } from '../../../shared/model/server.ts';

/** What the form holds: text as it is typed. */
export interface ServerForm {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly keyId: string;
  readonly jump: string;
  readonly tags: string;
}

export const emptyForm: ServerForm = {
  name: '',
  address: '',
  port: 22,
  user: '',
  keyId: '',
  jump: '',
  tags: '',
};

export const formOf = (server: Server): ServerForm => ({
  name: server.name,
  address: server.address,
  port: server.port,
  user: server.user ?? '',
  keyId: server.keyId ?? '',
  jump: server.jump ?? '',
  tags: server.tags.join(', '),
});

/** `admin@host:2222` pasted into the address is taken apart. */
export function takeApart(form: ServerForm, typed: string): ServerForm {
  const found = /^(?:ssh:\/\/)?(?:([^@\s/]+)@)?(\[[0-9a-fA-F:.]+\]|[^:@\s/]+)(?::(\d{1,5}))?\/?$/.exec(
    typed.trim(),
  );
  if (!found || (!found[1] && !found[3])) return { ...form, address: typed };
  const port = found[3] ? Number(found[3]) : form.port;
  return {
    ...form,
    user: found[1] ?? form.user,
    address: (found[2] ?? typed).replace(/^\[|\]$/g, ''),
    port: port >= 1 && port <= 65535 ? port : form.port,
  };
}

export interface Checked {
  readonly problems: Partial<Record<keyof ServerForm, string>>;
  /** Null while something is wrong. */
  readonly spec: {
    name: string;
    address: string;
    port: number;
    user: string | null;
    keyId: string | null;
    jump: string | null;
    tags: string[];
  } | null;
}

/** The form as core wants it, or what is wrong. `taken`: names of other servers. */
export function checkServer(form: ServerForm, taken: readonly string[]): Checked {
  const problems: Partial<Record<keyof ServerForm, string>> = {};
  const put = (field: keyof ServerForm, problem: string | null) => {
    if (problem) problems[field] = problem;
  };
  const address = form.address.trim();
  const name = form.name.trim() || address;
  put('address', addressProblem(address));
  // A name that follows the address is as wrong as it: that is said once.
  if (form.name.trim() !== '' || !problems.address) put('name', aliasProblem(name));
  if (taken.some((other) => other.toLowerCase() === name.toLowerCase()))
    problems.name = 'There is a server of this name already.';
  if (form.user.trim() !== '') put('user', userProblem(form.user.trim()));
  const tags = [
    ...new Set(
      form.tags
        .split(',')
        .map((tag) => tag.trim())
        .filter(Boolean),
    ),
  ];
  if (tags.some((tag) => tag.length > 40) || tags.length > 20)
    problems.tags = 'At most 20 tags of 40 characters.';
  const jump = form.jump.trim();
  return {
    problems,
    spec:
      Object.keys(problems).length > 0
        ? null
        : {
            name,
            address,
            port: form.port,
            user: form.user.trim() || null,
            keyId: form.keyId || null,
            jump: jump || null,
            tags,
          },
  };
}
