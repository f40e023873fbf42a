import type { DiskSummary, Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { bytes, counted, mebibytes } from '../../ui/format.ts';
import { CopyText } from '../../ui/parts.tsx';
import css from './guests.module.css';
import { kindWords } from './OverviewTab.tsx';
import { useAsked } from './use-detail.ts';

const diskWords = { disk: 'Disk', cdrom: 'CD-ROM', floppy: 'Floppy' } as const;

function DiskRow({ disk }: { disk: DiskSummary }) {
  const facts = [
    disk.bus,
    disk.format,
    disk.virtualSize !== null && `${bytes(disk.virtualSize)}`,
    disk.allocatedSize !== null && `${bytes(disk.allocatedSize)} used`,
  ].filter(Boolean);
  return (
    <div className={css.disk}>
      <span>
        {diskWords[disk.device]} {disk.target}
      </span>
      <span>{disk.file ? facts.join(', ') : 'empty'}</span>
      {disk.file && (
        <span className={css.path}>
          <CopyText text={disk.file} label="path" write={writeClipboard} />
        </span>
      )}
      {disk.backing && (
        <span className={css.path}>
          <span className="muted">on top of </span>
          <CopyText text={disk.backing} label="backing file" write={writeClipboard} wrap />
        </span>
      )}
    </div>
  );
}

export function HardwareTab({ guest }: { guest: Guest }) {
  const [detail] = useAsked(`${guest.id} ${guest.state}`, () => call('guests.detail', { id: guest.id }));
  const problems = detail.value?.problems ?? [];
  const command = detail.value?.commandLine;
  return (
    <div className={css.panel}>
      {problems.length > 0 && (
        <div>
          <h2>What Guesthouse does not run as it stands</h2>
          <ul>
            {problems.map((problem) => (
              <li key={`${problem.path}-${problem.line}`}>
                <code>{problem.path}</code>, line {problem.line}: {problem.reason}
              </li>
            ))}
          </ul>
        </div>
      )}
      <dl className={css.facts}>
        <dt>Kind</dt>
        <dd>{kindWords[guest.kind]}</dd>
        <dt>CPUs</dt>
        <dd>{guest.vcpus}</dd>
        <dt>Memory</dt>
        <dd>{mebibytes(guest.memory)}</dd>
      </dl>
      <div>
        <h2>{counted(guest.disks.length, 'drive')}</h2>
        {guest.disks.map((disk) => (
          <DiskRow key={disk.target} disk={disk} />
        ))}
      </div>
      {guest.forwards.length > 0 && (
        <div>
          <h2>Ports of this computer that lead into the guest</h2>
          <ul>
            {guest.forwards.map((forward) => (
              <li key={`${forward.proto}${forward.hostPort}`}>
                <span className="mono selectable">
                  127.0.0.1:{forward.hostPort} → {forward.guestPort}/{forward.proto}
                </span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {command && (
        <div>
          <h2>QEMU command line</h2>
          <CopyText text={command.join(' ')} label="command line" write={writeClipboard} wrap />
        </div>
      )}
    </div>
  );
}
