import { useEffect, useState } from 'react';
import { isCancelled, toWire, type WireError } from '../../../shared/errors.ts';
import { type ContainerImage, localHost } from '../../../shared/model/container.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { pickFile } from '../../bridge/files.ts';
import {
  makeContainer,
  openContainerConsole,
  useContainerHosts,
  useContainers,
  useContainerView,
} from '../../stores/containers.ts';
import { useGroups } from '../../stores/groups.ts';
import { cancelOperation, useOperations } from '../../stores/operations.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import { bytes } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { Progress } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './containers.module.css';
import { LimitsFields } from './LimitsFields.tsx';
import { checkNew, emptyForm, type NewForm, type SourceKind } from './new-form.ts';
import { PortsAndFolders } from './PortsAndFolders.tsx';

const close = () => useUi.getState().close();

/** Runs an application in a container made on the spot, or in one from an image. */
export function NewContainerDialog({ host: wantedHost }: { host: string | null }) {
  const hosts = useContainerHosts((state) => state.all);
  const containers = useContainers((state) => state.all);
  const [form, setForm] = useState<NewForm>(() => {
    const host = wantedHost ?? localHost;
    const facts = hosts.find(({ id }) => id === host)?.facts ?? null;
    return emptyForm(
      host,
      facts,
      containers.filter((one) => one.host === host).map(({ name }) => name),
    );
  });
  const [operation, setOperation] = useState<string | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const [made, setMade] = useState<string | null>(null);
  const host = hosts.find(({ id }) => id === form.host);
  const facts = host?.facts ?? null;
  const machine = form.host === localHost ? null : form.host.replace(/\/root$/, '');
  const groups = useGroups((state) => state.all).filter((group) => group.host === machine);
  const put = (patch: Partial<NewForm>) => setForm({ ...form, ...patch });
  const checked = checkNew(
    form,
    facts,
    containers.filter((one) => one.host === form.host).map(({ name }) => name),
  );
  const limitProblems = Object.fromEntries(
    Object.entries(checked.problems).flatMap(([key, text]) =>
      key.startsWith('limits.') ? [[key.slice(7), text] as const] : [],
    ),
  );

  const run = async () => {
    if (!checked.spec) return;
    setError(null);
    try {
      const id = await makeContainer(checked.spec, setOperation);
      if (id) useContainerView.getState().set({ chosen: id, open: true, tab: 'overview' });
      setMade(id);
      if (useUi.getState().dialog?.kind !== 'new-container' || !id) return;
    } catch (cause) {
      if (!isCancelled(cause)) setError(toWire(cause));
    }
    setOperation(null);
  };

  if (made) return <Done id={made} name={form.name} />;
  if (operation) return <Doing name={form.name} operation={operation} />;
  return (
    <Dialog
      title="Run an application in a container"
      width={600}
      testId={testIds.containerDialog}
      onClose={close}
      onSubmit={() => void run()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button
            look="primary"
            type="submit"
            isDisabled={!checked.spec}
            data-testid={testIds.containerSubmit}
          >
            Run it
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {hosts.length > 1 && (
        <Select
          label="On"
          value={form.host}
          onChange={(id) => {
            const next = hosts.find((one) => one.id === id)?.facts ?? null;
            setForm({ ...form, host: id, group: '', limits: emptyForm(id, next, []).limits });
            if (!next) void call('containers.watch', { hosts: [id], stats: false }).catch(tellError);
          }}
          groups={[{ title: 'Hosts', options: hosts.map(({ id, name }) => ({ id, label: name })) }]}
        />
      )}
      <Source form={form} put={put} problems={checked.problems} />
      <div className={panes.two}>
        <TextField
          label="Name"
          value={form.name}
          onChange={(name) => put({ name })}
          problem={checked.problems.name ?? null}
          testId={testIds.containerName}
        />
        <TextField
          label="Command"
          value={form.command}
          onChange={(command) => put({ command })}
          problem={checked.problems.command ?? null}
          mono
          placeholder={form.kind === 'pull' || form.kind === 'local' ? 'what the image says' : 'sh'}
          hint="Program and arguments; quotes hold words together."
          testId={testIds.containerCommand}
        />
      </div>
      <LimitsFields
        form={form.limits}
        onChange={(limits) => put({ limits })}
        problems={limitProblems}
        facts={facts}
      />
      {groups.length > 0 && (
        <Select
          label="Resource group"
          value={form.group}
          onChange={(group) => put({ group })}
          groups={[
            {
              title: 'Resource group',
              options: [
                { id: '', label: 'None: its own limits alone' },
                ...groups.map(({ id, name }) => ({ id, label: `${name}: its limits hold too` })),
              ],
            },
          ]}
        />
      )}
      <Disclosure title="Ports, folders, volumes, variables and restart">
        <PortsAndFolders
          form={form}
          put={put}
          problems={checked.problems}
          selinux={facts?.selinux ?? false}
        />
      </Disclosure>
    </Dialog>
  );
}

function Source({
  form,
  put,
  problems,
}: {
  form: NewForm;
  put: (patch: Partial<NewForm>) => void;
  problems: Readonly<Record<string, string>>;
}) {
  const [images, setImages] = useState<readonly ContainerImage[] | null>(null);
  const { host, kind } = form;
  useEffect(() => {
    if (kind !== 'local') return;
    let current = true;
    setImages(null);
    call('containers.images', { host }).then(
      (found) => current && setImages(found),
      (cause) => {
        tellError(cause);
        if (current) setImages([]);
      },
    );
    return () => {
      current = false;
    };
  }, [host, kind]);
  // What is shown as chosen must be chosen.
  const named = images?.filter(({ name }) => name.includes(':')) ?? [];
  const first = named[0]?.name;
  const image = named.some(({ name }) => name === form.image) ? form.image : first;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when the list came
  useEffect(() => {
    if (kind === 'local' && image !== undefined && image !== form.image) put({ image });
  }, [kind, image]);
  return (
    <>
      <Choice<SourceKind>
        label="Its file system"
        value={form.kind}
        onChange={(next) => put({ kind: next, image: next === 'pull' ? '' : form.image })}
        options={[
          { id: 'busybox', label: 'busybox', hint: 'A shell and the small Unix tools, 2 MiB. Made at once.' },
          {
            id: 'debian',
            label: 'A minimal Debian, built here',
            hint: 'With the packages you name, from Debian’s own; about a minute the first time.',
          },
          { id: 'tar', label: 'A root file system as a tar' },
          { id: 'local', label: 'An image that is there' },
          { id: 'pull', label: 'An image from a registry' },
        ]}
      />
      {form.kind === 'debian' && (
        <TextField
          label="Packages"
          value={form.packages}
          onChange={(packages) => put({ packages })}
          problem={problems.packages ?? null}
          placeholder="nginx-light curl"
          hint="Debian 12 package names, parted by blanks. Empty: the essential ones alone."
        />
      )}
      {form.kind === 'tar' && (
        <div className={css.fileRow}>
          <TextField
            label="File"
            value={form.path}
            onChange={(path) => put({ path })}
            problem={form.path === '' ? null : (problems.path ?? null)}
            mono
            placeholder="/path/root.tar"
            testId={testIds.containerImage}
          />
          <Button
            onPress={() =>
              void pickFile('Root file system', ['tar', 'gz', 'xz', 'zst', 'bz2', 'tgz'], 'Archives').then(
                (path) => path !== null && put({ path }),
                tellError,
              )
            }
          >
            Choose…
          </Button>
        </div>
      )}
      {form.kind === 'local' &&
        (images !== null && named.length === 0 ? (
          <p className="muted">This host has no image with a name yet.</p>
        ) : (
          <Select
            label="Image"
            value={image ?? ''}
            onChange={(name) => put({ image: name })}
            groups={[
              {
                title: 'On this host',
                options: named.map(({ name, size }) => ({ id: name, label: `${name} (${bytes(size)})` })),
              },
            ]}
          />
        ))}
      {form.kind === 'pull' && (
        <TextField
          label="Image"
          value={form.image}
          onChange={(next) => put({ image: next })}
          problem={form.image === '' ? null : (problems.image ?? null)}
          mono
          placeholder="docker.io/library/debian:12"
          hint="With its registry. Whoever made it decides what runs; it is fetched over the network."
          testId={testIds.containerImage}
        />
      )}
    </>
  );
}

function Doing({ name, operation: id }: { name: string; operation: string }) {
  const operation = useOperations((state) => state.byId[id]);
  return (
    <Dialog
      title={`Making ${name}`}
      width={460}
      testId={testIds.containerDialog}
      onClose={close}
      foot={
        <>
          <Button isDisabled={operation?.status === 'cancelling'} onPress={() => cancelOperation(id)}>
            {operation?.status === 'cancelling' ? 'Cancelling…' : 'Cancel'}
          </Button>
          <Button look="primary" onPress={close}>
            Go on in the background
          </Button>
        </>
      }
    >
      <Progress fraction={operation?.fraction ?? null} label={`Making ${name}`} />
      <p aria-live="polite">{operation?.phase || 'Beginning'}</p>
    </Dialog>
  );
}

function Done({ id, name }: { id: string; name: string }) {
  const state = useContainers((all) => all.byId[id]?.state);
  const runs = state === 'running';
  return (
    <Dialog
      title={runs ? `${name} runs` : `${name} ended already`}
      width={420}
      testId={testIds.containerDialog}
      onClose={close}
      foot={
        <>
          <Button onPress={close}>Close</Button>
          <Button
            look="primary"
            autoFocus
            data-testid={testIds.openConsole}
            onPress={() => {
              close();
              void openContainerConsole(id, runs ? 'shell' : 'logs');
            }}
          >
            {runs ? 'Open a terminal in it' : 'Show its log'}
          </Button>
        </>
      }
    >
      <p>
        {runs
          ? 'What it uses, and its limits, are in its details.'
          : 'Its command came to an end. Its log tells what it said.'}
      </p>
    </Dialog>
  );
}
