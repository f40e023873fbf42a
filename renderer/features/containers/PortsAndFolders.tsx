import { Plus, X } from 'lucide-react';
import { restartPolicies } from '../../../shared/model/container-spec.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { Select } from '../../ui/Select.tsx';
import css from './containers.module.css';
import type { NewForm, Restart } from './new-form.ts';

const restartWords: Readonly<Record<Restart, string>> = {
  no: 'Not',
  'on-failure': 'When it fails',
  'unless-stopped': 'Always, unless you stopped it',
  always: 'Always',
};

const folder = { source: '', target: '/data' };

/** The rest of the wizard: what most containers do without. */
export function PortsAndFolders({
  form,
  put,
  problems,
  selinux,
}: {
  form: NewForm;
  put: (patch: Partial<NewForm>) => void;
  problems: Readonly<Record<string, string>>;
  /** It is on, on that host. */
  selinux: boolean;
}) {
  const at = <T,>(list: readonly T[], index: number, patch: Partial<T>) =>
    list.map((one, i) => (i === index ? { ...one, ...patch } : one));
  const without = <T,>(list: readonly T[], index: number) => list.filter((_, i) => i !== index);
  return (
    <div className={css.more}>
      <div className={css.rows}>
        {form.ports.map((port, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
          <div key={index} className={css.port}>
            <NumberField
              label="Port in the container"
              value={port.port}
              onChange={(value) => put({ ports: at(form.ports, index, { port: value }) })}
              min={1}
              max={65535}
            />
            <NumberField
              label="On the host"
              value={port.hostPort}
              onChange={(value) => put({ ports: at(form.ports, index, { hostPort: value }) })}
              min={0}
              max={65535}
            />
            <Checkbox
              checked={port.everyone}
              onChange={(everyone) => put({ ports: at(form.ports, index, { everyone }) })}
            >
              For everyone
            </Checkbox>
            <IconButton
              icon={<X size={16} />}
              label="Take this port out"
              onPress={() => put({ ports: without(form.ports, index) })}
            />
          </div>
        ))}
        {form.ports.length > 0 && (
          <p className="muted">
            An empty port on the host takes a free one. Only this machine reaches it, unless it is for
            everyone on its networks.
          </p>
        )}
        {problems.ports && <p className={css.hit}>{problems.ports}</p>}
        <div>
          <Button
            size="small"
            onPress={() =>
              put({ ports: [...form.ports, { port: 80, hostPort: Number.NaN, everyone: false }] })
            }
          >
            <Plus size={14} aria-hidden="true" />
            Open a port
          </Button>
        </div>
      </div>
      <div className={css.rows}>
        {form.volumes.map((volume, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity
          <div key={index} className={css.rows}>
            <div className={css.pair}>
              <TextField
                label={volume.named ? 'Volume' : 'Folder on the host'}
                value={volume.source}
                onChange={(source) => put({ volumes: at(form.volumes, index, { source }) })}
                mono
                placeholder={volume.named ? 'data' : '/home/you/data'}
              />
              <TextField
                label="In the container"
                value={volume.target}
                onChange={(target) => put({ volumes: at(form.volumes, index, { target }) })}
                mono
                placeholder="/data"
              />
              <IconButton
                icon={<X size={16} />}
                label={volume.named ? 'Take this volume out' : 'Take this folder out'}
                onPress={() => put({ volumes: without(form.volumes, index) })}
              />
            </div>
            <Checkbox
              checked={!volume.readOnly}
              onChange={(writable) => put({ volumes: at(form.volumes, index, { readOnly: !writable }) })}
              hint={
                volume.named
                  ? 'podman keeps it under this name, and makes it where there is none. It stays when the container goes, and others may use it.'
                  : `The container may ${volume.readOnly ? 'read' : 'read, change and delete'} everything in that folder.${selinux ? ' SELinux is on there: the folder gets the label all containers may use.' : ''}`
              }
            >
              It may write there
            </Checkbox>
          </div>
        ))}
        {problems.volumes && form.volumes.every(({ source, target }) => source && target) && (
          <p className={css.hit}>{problems.volumes}</p>
        )}
        <div>
          <Button
            size="small"
            onPress={() => put({ volumes: [...form.volumes, { ...folder, named: false, readOnly: true }] })}
          >
            <Plus size={14} aria-hidden="true" />
            Give it a folder
          </Button>{' '}
          <Button
            size="small"
            onPress={() => put({ volumes: [...form.volumes, { ...folder, named: true, readOnly: false }] })}
          >
            <Plus size={14} aria-hidden="true" />
            Give it a volume
          </Button>
        </div>
      </div>
      <TextField
        label="Variables"
        value={form.env}
        onChange={(env) => put({ env })}
        problem={problems.env ?? null}
        multiline={2}
        mono
        placeholder="NAME=value"
        hint="One a line. They never stand on a command line; whoever may inspect the container sees them."
      />
      <Select
        label="Start it again"
        value={form.restart}
        onChange={(restart) => put({ restart: restartPolicies.find((one) => one === restart) ?? 'no' })}
        groups={[
          {
            title: 'When it ends',
            options: restartPolicies.map((id) => ({ id, label: restartWords[id] })),
          },
        ]}
      />
      <Checkbox
        checked={form.network}
        onChange={(network) => put({ network })}
        hint="Without it, nothing goes in or out."
      >
        It has a network
      </Checkbox>
    </div>
  );
}
