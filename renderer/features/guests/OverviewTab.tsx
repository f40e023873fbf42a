import { type ReactNode, useState } from 'react';
import type { Guest, VirtKind } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useHistory } from '../../stores/stats.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { cx } from '../../ui/cx.ts';
import { bytes, cores, counted, mebibytes, moment } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { CopyText, Sparkline, Tag } from '../../ui/parts.tsx';
import { useAsked } from '../../ui/use-asked.ts';
import css from './details.module.css';

export const kindWords: Readonly<Record<VirtKind, string>> = {
  full: 'Full: emulated disk, network and video',
  hybrid: 'Hybrid: virtio drivers',
  paravirtual: 'Paravirtual: microvm, direct kernel boot',
  unknown: 'Its own mixture',
};

/** The command one would type to log in. */
export function sshCommand(ssh: NonNullable<Guest['ssh']>): string {
  return `ssh ${ssh.port === 22 ? '' : `-p ${ssh.port} `}${ssh.user === null ? '' : `${ssh.user}@`}${ssh.address}`;
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export function OverviewTab({ guest }: { guest: Guest }) {
  const allocated = guest.disks.reduce((sum, disk) => sum + (disk.allocatedSize ?? 0), 0);
  const broken = guest.state === 'broken';
  return (
    <div className={cx(panes.panel, panes.tabPanel)}>
      {guest.pid !== null && <Meters guest={guest} />}
      <dl className={panes.facts}>
        {guest.addresses.length > 0 && (
          <Fact name="Address">
            {guest.addresses.map((address) => (
              <div key={address}>
                <CopyText text={address} label="address" write={writeClipboard} />
              </div>
            ))}
          </Fact>
        )}
        {guest.ssh && (
          <Fact name="SSH">
            <CopyText text={sshCommand(guest.ssh)} label="SSH command" write={writeClipboard} />
            {guest.ssh.user === null && (
              <Button
                look="quiet"
                size="small"
                onPress={() => useUi.getState().open({ kind: 'labels', id: guest.id })}
              >
                Log in as…
              </Button>
            )}
          </Fact>
        )}
        {!broken && (
          <>
            <Fact name="Size">
              {counted(guest.vcpus, 'CPU')}, {mebibytes(guest.memory)} memory
            </Fact>
            <Fact name="Disk">{guest.disks.length === 0 ? 'none' : `${bytes(allocated)} used here`}</Fact>
            <Fact name="Hardware">{kindWords[guest.kind]}</Fact>
          </>
        )}
        {guest.accelerator && (
          <Fact name="Runs under">
            {guest.accelerator === 'kvm' ? 'KVM' : 'TCG, emulation in software'}
            {guest.pid !== null && <span className="muted"> (process {guest.pid})</span>}
          </Fact>
        )}
        {guest.state === 'running' && guest.addresses.length > 0 && (
          <AgentFacts key={guest.id} guest={guest} />
        )}
        {guest.origin && (
          <Fact name="Made from">
            {guest.origin.name}
            {guest.origin.linked && <span className="muted"> (linked)</span>}
          </Fact>
        )}
        <Fact name="Since">{moment(guest.stateSince)}</Fact>
        {guest.uuid && (
          <Fact name="UUID">
            <CopyText text={guest.uuid} label="UUID" write={writeClipboard} />
          </Fact>
        )}
        <Fact name="Folder">
          <CopyText text={guest.folder} label="folder" write={writeClipboard} />
        </Fact>
        {guest.tags.length > 0 && (
          <Fact name="Tags">
            <span className={panes.tags}>
              {guest.tags.map((tag) => (
                <Tag key={tag}>{tag}</Tag>
              ))}
            </span>
          </Fact>
        )}
        {guest.description && (
          <Fact name="Notes">
            <span className="selectable" style={{ whiteSpace: 'pre-wrap' }}>
              {guest.description}
            </span>
          </Fact>
        )}
      </dl>
      {!broken && <Autostart guest={guest} />}
    </div>
  );
}

/** What the guest's own agent says; nothing where there is none. */
function AgentFacts({ guest }: { guest: Guest }) {
  const key = `${guest.id} ${guest.stateSince} ${guest.addresses.join()}`;
  const [asked] = useAsked(key, () => call('guests.agent', { id: guest.id }));
  if (!asked.value) return null;
  const { os, fileSystems } = asked.value;
  return (
    <>
      {os.name && (
        <Fact name="System inside">
          {os.name}
          {os.kernel && <span className="muted"> (kernel {os.kernel})</span>}
        </Fact>
      )}
      {fileSystems.length > 0 && (
        <Fact name="File systems">
          {fileSystems.map(({ mountpoint, type, used, total }) => (
            <div key={mountpoint}>
              <span className="mono">{mountpoint}</span>{' '}
              <span className="muted">
                {used === null || total === null ? type : `${type}, ${bytes(used)} of ${bytes(total)} used`}
              </span>
            </div>
          ))}
        </Fact>
      )}
    </>
  );
}

function Autostart({ guest }: { guest: Guest }) {
  const [asked, setAsked] = useState<boolean | null>(null);
  const change = (autostart: boolean) => {
    setAsked(autostart);
    call('guests.setAutostart', { id: guest.id, autostart })
      .catch(tellError)
      .finally(() => setAsked(null));
  };
  return (
    <Checkbox checked={asked ?? guest.autostart} onChange={change}>
      Start with Guesthouse
    </Checkbox>
  );
}

function Meters({ guest }: { guest: Guest }) {
  const history = useHistory(guest.id);
  const last = history.at(-1);
  if (!last) return null;
  const disk = history.map((sample) => (sample.diskRead ?? 0) + (sample.diskWrite ?? 0));
  const meters = [
    { name: 'CPU', value: cores(last.cpu), values: history.map((sample) => sample.cpu), max: guest.vcpus },
    {
      name: 'Memory',
      value: bytes(last.memory),
      values: history.map((sample) => sample.memory),
      max: guest.memory * 1048576,
    },
    {
      name: 'Disk',
      value: last.diskRead === null ? '–' : `${bytes(disk.at(-1) ?? 0)}/s`,
      values: disk,
      max: 1048576,
    },
  ];
  return (
    <div className={css.meters}>
      {meters.map((meter) => (
        <div key={meter.name} className={css.meter}>
          <span>
            {meter.name} <b>{meter.value}</b>
          </span>
          <Sparkline values={meter.values} max={meter.max} width={104} height={28} slots={60} />
        </div>
      ))}
    </div>
  );
}
