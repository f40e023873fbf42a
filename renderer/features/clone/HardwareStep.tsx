import { useEffect, useMemo, useState } from 'react';
import type { Key } from '../../../shared/model/key.ts';
import { call } from '../../bridge/call.ts';
import { emptySeed, type SeedDraft, useSeed } from '../../stores/seed.ts';
import { Checkbox } from '../../ui/Choice.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { PartsChoice } from '../../ui/IdentityParts.tsx';
import { typeWords } from '../../ui/key-type.ts';
import panes from '../../ui/panes.module.css';
import { SeedFields } from '../../ui/SeedFields.tsx';
import css from './clone.module.css';
import { type CloneForm, type CloneSource, keyLines, type Problems } from './form.ts';

/** Step 2: hardware, who logs in, and what of the identity is made anew. */
export function HardwareStep({
  form,
  put,
  source,
  problems,
  onSeedFine,
  wantsSeed,
}: {
  form: CloneForm;
  put: (patch: Partial<CloneForm>) => void;
  source: CloneSource;
  problems: Problems;
  /** Whether the seed can be used; false while that is not known. */
  onSeedFine: (fine: boolean) => void;
  /** Opened to give a seed. */
  wantsSeed: boolean;
}) {
  const keys = useKeys();
  const [paste, setPaste] = useState(form.pasted !== '');
  const gigabytes = source.diskBytes === null ? null : source.diskBytes / 2 ** 30;
  const orNull = (value: number) => (Number.isNaN(value) ? null : value);
  const toggle = (id: string, on: boolean) => {
    const keyIds = new Set(form.keyIds);
    if (on) keyIds.add(id);
    else keyIds.delete(id);
    put({ keyIds });
  };
  return (
    <>
      <div className={panes.three}>
        <NumberField
          label="CPUs"
          value={form.vcpus ?? Number.NaN}
          onChange={(vcpus) => put({ vcpus: orNull(vcpus) })}
          min={1}
          max={256}
          problem={problems.vcpus}
          hint={`${source.name} has ${source.vcpus}.`}
          autoFocus
        />
        <NumberField
          label="Memory, MiB"
          value={form.memory ?? Number.NaN}
          onChange={(memory) => put({ memory: orNull(memory) })}
          min={64}
          max={4 << 20}
          problem={problems.memory}
          hint={`${source.name} has ${source.memory}.`}
        />
        <NumberField
          label="Grow the disk to, GiB"
          value={form.diskSize ?? Number.NaN}
          onChange={(size) => put({ diskSize: orNull(size) })}
          min={1}
          max={65536}
          problem={problems.diskSize}
          hint={
            gigabytes === null
              ? 'Empty keeps its size.'
              : `Empty keeps ${gigabytes.toFixed(1).replace(/\.0$/, '')}.`
          }
        />
      </div>
      <div className={panes.two}>
        <TextField
          label="Log in as"
          value={form.loginUser}
          onChange={(loginUser) => put({ loginUser })}
          problem={problems.loginUser}
          placeholder="debian"
          hint="The user inside that the keys below open, and that SSH consoles use."
        />
        <TextField
          label="Tags"
          value={form.tags}
          onChange={(tags) => put({ tags })}
          problem={problems.tags}
          hint="Separated by commas."
        />
      </div>
      <fieldset className={css.keys}>
        <legend className={keys?.length === 0 ? 'sr-only' : undefined}>Public keys that may log in</legend>
        {keys?.map((key) => (
          <Checkbox
            key={key.id}
            checked={form.keyIds.has(key.id)}
            onChange={(on) => toggle(key.id, on)}
            hint={<span className="mono">{key.fingerprint}</span>}
          >
            {key.name}{' '}
            <span className="muted">{[typeWords(key), key.comment].filter(Boolean).join(', ')}</span>
          </Checkbox>
        ))}
        {paste || keys?.length === 0 ? (
          <TextField
            label={keys?.length === 0 ? 'Public keys that may log in' : 'Paste public keys'}
            value={form.pasted}
            onChange={(pasted) => put({ pasted })}
            problem={problems.pasted}
            multiline={2}
            mono
            placeholder="ssh-ed25519 AAAA… you@laptop"
            hint={
              keys?.length === 0
                ? 'There are no keys on this computer. One a line; leave empty to keep what the source accepts.'
                : 'One a line.'
            }
          />
        ) : (
          keys && (
            <button type="button" className={css.paste} onClick={() => setPaste(true)}>
              Paste another public key…
            </button>
          )
        )}
      </fieldset>
      <Disclosure title="What each clone gets anew">
        <PartsChoice
          label="What each clone gets anew"
          chosen={form.parts}
          onChange={(parts) => put({ parts })}
        />
        <Checkbox
          checked={form.rsa}
          onChange={(rsa) => put({ rsa })}
          hint="For SSH clients from before 2014. Making one takes about as long as everything else."
        >
          Also an RSA host key
        </Checkbox>
      </Disclosure>
      <Disclosure title="cloud-init" startsOpen={wantsSeed || form.seed !== null}>
        <SeedPart form={form} put={put} onFine={onSeedFine} />
      </Disclosure>
    </>
  );
}

/** For systems with cloud-init: users, packages and commands at the first boot. */
function SeedPart({
  form,
  put,
  onFine,
}: {
  form: CloneForm;
  put: (patch: Partial<CloneForm>) => void;
  onFine: (fine: boolean) => void;
}) {
  const { seed } = form;
  const keys = useKeyLines(form);
  const change = (patch: Partial<SeedDraft>) => seed && put({ seed: { ...seed, ...patch } });
  const { fields, problems } = useSeed(seed, keys ?? [], (text) => change({ text }));
  const fine =
    keys !== null && fields === null && problems?.every(({ severity }) => severity !== 'error') === true;
  useEffect(() => onFine(fine), [fine, onFine]);
  return (
    <>
      <Checkbox
        checked={seed !== null}
        onChange={(on) => put({ seed: on ? emptySeed : null })}
        hint="A small read-only drive that cloud-init, where the system has it, reads at the first boot. Each clone’s own name and host keys are filled in."
      >
        Give each clone a cloud-init seed
      </Checkbox>
      {seed && (
        <SeedFields
          seed={seed}
          put={change}
          fields={fields}
          problems={problems}
          userHint="Made at the first boot, with the keys above. Empty: the system’s own user gets them."
        />
      )}
    </>
  );
}

/** The lines of the chosen and pasted keys; null while they are read. */
function useKeyLines(form: CloneForm): readonly string[] | null {
  const [lines, setLines] = useState<readonly string[] | null>(form.keyIds.size === 0 ? [] : null);
  const ids = [...form.keyIds].sort().join('\n');
  useEffect(() => {
    let current = true;
    const wanted = ids === '' ? [] : ids.split('\n');
    Promise.all(wanted.map((id) => call('keys.publicText', { id }))).then(
      (all) => current && setLines(all),
      () => current && setLines([]),
    );
    return () => {
      current = false;
    };
  }, [ids]);
  return useMemo(
    () => lines && [...new Set([...lines.map((line) => line.trim()), ...keyLines(form.pasted)])],
    [lines, form.pasted],
  );
}

/** Keys of this computer that have a public half; null while asking, none when they cannot be listed. */
function useKeys(): readonly Key[] | null {
  const [keys, setKeys] = useState<readonly Key[] | null>(null);
  useEffect(() => {
    let current = true;
    call('keys.list').then(
      (list) => current && setKeys(list.keys.filter((key) => key.publicPath !== null && !key.unreadable)),
      () => current && setKeys([]),
    );
    return () => {
      current = false;
    };
  }, []);
  return keys;
}
