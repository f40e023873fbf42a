import { RefreshCw } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import type { HostReport } from '../../../shared/model/host.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useHost } from '../../stores/host.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, counted } from '../../ui/format.ts';
import { CopyText, Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import { Verdicts } from '../../ui/Verdicts.tsx';
import css from './host.module.css';

/** What this computer can do, what is in the way, and the programs Guesthouse uses. */
export function HostPage() {
  const { report, loading, error, fetch } = useHost();
  useEffect(() => {
    if (!useHost.getState().report) void fetch();
  }, [fetch]);
  return (
    <section
      className={css.page}
      data-testid={testIds.hostPage}
      data-pane="list"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the page scrolls, and must by keyboard too
      tabIndex={0}
      aria-label="Host"
    >
      <div className={css.inner}>
        <div>
          <header className={css.head}>
            <h1>This computer</h1>
            <Button size="small" isDisabled={loading} onPress={() => void fetch(true)}>
              <RefreshCw size={14} aria-hidden="true" />
              {loading ? 'Looking…' : 'Check again'}
            </Button>
          </header>
          {error && <ErrorNote error={error} write={writeClipboard} />}
          {!report && loading && <Progress fraction={null} label="Looking at this computer" />}
          {report && <Verdicts verdicts={report.verdicts} write={writeClipboard} />}
        </div>
        {report && <Facts report={report} />}
        {report && <Programs report={report} />}
      </div>
    </section>
  );
}

function Fact({
  name,
  children,
  used,
  label,
}: {
  name: string;
  children: ReactNode;
  used?: number;
  label?: string;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {children}
        {used !== undefined && (
          <div className={css.bar}>
            <Progress fraction={used} label={label ?? name} />
          </div>
        )}
      </dd>
    </div>
  );
}

function Facts({ report }: { report: HostReport }) {
  const { cpu, memory, disk, accelerator, qemu } = report;
  return (
    <dl className={css.facts}>
      <Fact name="Processor">
        {cpu.model || cpu.vendor}, {counted(cpu.threads, 'thread')}
      </Fact>
      <Fact name="Guests run under">
        {accelerator.kvm === 'trying'
          ? 'KVM is being tried…'
          : accelerator.chosen === 'kvm'
            ? 'KVM'
            : 'TCG, emulation in software'}
        {qemu.version && `, QEMU ${qemu.version}`}
      </Fact>
      <Fact name="Memory" used={1 - memory.available / memory.total} label="Memory in use">
        {bytes(memory.available)} of {bytes(memory.total)} free
      </Fact>
      <Fact name="Disk of the library" used={1 - disk.free / disk.total} label="Disk in use">
        {bytes(disk.free)} of {bytes(disk.total)} free
        <div>
          <CopyText text={disk.path} label="path" write={writeClipboard} />
        </div>
      </Fact>
    </dl>
  );
}

function Programs({ report }: { report: HostReport }) {
  return (
    <section aria-label="Programs">
      <h2>Programs</h2>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Program</th>
            <th scope="col">Needed for</th>
            <th scope="col">Version</th>
            <th scope="col">Debian package</th>
          </tr>
        </thead>
        <tbody>
          {report.programs.map((program) => (
            <tr key={program.name}>
              <td className="mono selectable" title={program.path ?? undefined}>
                {program.name}
              </td>
              <td>{program.purpose}</td>
              <td>
                {program.path ? (
                  <span className="selectable">{program.version ?? 'found'}</span>
                ) : (
                  <span className={program.required ? css.missing : css.optional}>
                    {program.required ? 'missing' : 'missing, optional'}
                  </span>
                )}
              </td>
              <td className="mono selectable">{program.package}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
