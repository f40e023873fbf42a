import { useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose } from '../../stores/chosen.ts';
import { useKeys } from '../../stores/keys.ts';
import { useServers } from '../../stores/servers.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { testIds } from '../../ui/testids.ts';
import { type Checked, checkServer, emptyForm, formOf, type ServerForm, takeApart } from './server-form.ts';
import css from './servers.module.css';

const isPaste = (before: string, after: string) => after.length - before.length > 1;

/** The fields of a server; the same in the dialog and the wizard. */
export function ServerFields({
  form,
  checked,
  touched,
  onChange,
  id,
  short = false,
}: {
  form: ServerForm;
  checked: Checked;
  /** Show what is wrong: not before something was typed. */
  touched: boolean;
  onChange: (form: ServerForm) => void;
  id: string | null;
  /** Leaves out key, jump host and tags. */
  short?: boolean;
}) {
  const keys = useKeys((state) => state.list?.keys) ?? [];
  const servers = useServers((state) => state.all);
  const problem = (field: keyof ServerForm) => (touched ? (checked.problems[field] ?? null) : null);
  const put = (patch: Partial<ServerForm>) => onChange({ ...form, ...patch });
  return (
    <>
      <div className={css.pair}>
        <TextField
          label="Address"
          value={form.address}
          // What is typed is taken apart when the field is left: in the middle of typing it would be too early.
          onChange={(typed) =>
            onChange(isPaste(form.address, typed) ? takeApart(form, typed) : { ...form, address: typed })
          }
          onBlur={() => onChange(takeApart(form, form.address))}
          problem={problem('address')}
          placeholder="203.0.113.7 or host.example"
          mono
          testId={testIds.serverAddress}
          autoFocus
        />
        <NumberField
          label="Port"
          value={form.port}
          onChange={(port) => put({ port: Number.isNaN(port) ? 22 : port })}
          min={1}
          max={65535}
          testId="server-port"
        />
      </div>
      <TextField
        label="User"
        value={form.user}
        onChange={(user) => put({ user })}
        problem={problem('user')}
        placeholder="debian, ubuntu, ec2-user, root…"
        hint="Empty: what ~/.ssh/config says, or your own login name."
        mono
        testId="server-user"
      />
      <TextField
        label="Name"
        value={form.name}
        onChange={(name) => put({ name })}
        problem={problem('name')}
        placeholder={takeApart(form, form.address).address}
        testId="server-name"
      />
      {!short && (
        <>
          <label className={css.field}>
            <span>Key</span>
            <select
              className={css.select}
              value={form.keyId}
              onChange={(event) => put({ keyId: event.target.value })}
            >
              <option value="">The agent and the usual ones</option>
              {keys.map((key) => (
                <option key={key.id} value={key.id}>
                  {key.name}
                </option>
              ))}
            </select>
          </label>
          <TextField
            label="Jump host"
            value={servers.find((server) => server.id === form.jump)?.name ?? form.jump}
            onChange={(jump) =>
              put({ jump: servers.find((server) => server.name === jump && server.id !== id)?.id ?? jump })
            }
            placeholder="none"
            hint="Another server’s name, or user@host:port. A ProxyJump in ~/.ssh/config holds anyway."
          />
          <TextField
            label="Tags"
            value={form.tags}
            onChange={(tags) => put({ tags })}
            problem={problem('tags')}
            hint="Separated by commas."
          />
        </>
      )}
    </>
  );
}

/** Adds a server, or changes one. */
export function ServerDialog({ id }: { id: string | null }) {
  const servers = useServers((state) => state.all);
  const known = servers.find((server) => server.id === id);
  const [form, setForm] = useState<ServerForm>(() => (known ? formOf(known) : emptyForm));
  const [touched, setTouched] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const checked = checkServer(
    takeApart(form, form.address),
    servers.filter((server) => server.id !== id).map((server) => server.name),
  );
  const close = () => useUi.getState().close();
  const save = async () => {
    setTouched(true);
    if (!checked.spec) return;
    try {
      if (id === null) choose('servers', (await call('servers.add', checked.spec)).id);
      else await call('servers.edit', { id, change: checked.spec });
      close();
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  return (
    <Dialog
      title={known ? `Edit ${known.name}` : 'Add a server'}
      width={500}
      testId={testIds.serverDialog}
      onClose={close}
      onSubmit={() => void save()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={touched && !checked.spec}
            data-testid={testIds.serverSubmit}
          >
            {known ? 'Save' : 'Add'}
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      <ServerFields
        form={form}
        checked={checked}
        touched={touched || form.address !== ''}
        onChange={setForm}
        id={id}
      />
    </Dialog>
  );
}
