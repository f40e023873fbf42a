import { useEffect, useState } from 'react';
import type { Key } from '../../../shared/model/key.ts';
import { call } from '../../bridge/call.ts';
import { Checkbox } from '../../ui/Choice.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { PartsChoice } from '../../ui/IdentityParts.tsx';
import panes from '../../ui/panes.module.css';
import css from './clone.module.css';
import type { CloneForm, CloneSource, Problems } from './form.ts';

/** Step 2: hardware, who logs in, and what of the identity is made anew. */
export function HardwareStep({
  form,
  put,
  source,
  problems,
}: {
  form: CloneForm;
  put: (patch: Partial<CloneForm>) => void;
  source: CloneSource;
  problems: Problems;
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
          label="Memory, MB"
          value={form.memory ?? Number.NaN}
          onChange={(memory) => put({ memory: orNull(memory) })}
          min={64}
          max={4 << 20}
          problem={problems.memory}
          hint={`${source.name} has ${source.memory}.`}
        />
        <NumberField
          label="Grow the disk to, GB"
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
          hint="Apart by commas."
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
            {key.name} <span className="muted">{[key.type, key.comment].filter(Boolean).join(', ')}</span>
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
    </>
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
