import { ChevronRight, Fingerprint, RefreshCw } from 'lucide-react';
import { Fragment, useEffect, useState } from 'react';
import type { IdentityReport, IdentityRow } from '../../../shared/model/identity.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import {
  countProblems,
  type Doubles,
  doubles,
  problemGroups,
  readRunning,
  repairable,
  rowIsWrong,
  splitRows,
  useIdentity,
} from '../../stores/identity.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { ago, counted } from '../../ui/format.ts';
import { verificationWords } from '../../ui/IdentityParts.tsx';
import { Dot, Empty, Progress } from '../../ui/parts.tsx';
import { identityRowTestId, testIds } from '../../ui/testids.ts';
import css from './identity.module.css';
import { MachineState, RowActions, RowFacts } from './RowParts.tsx';
import { groupTitle, shortId, whereRead } from './words.ts';

/** Which machines are not a machine of their own, what follows from it, and the way to mend it. */
export function IdentityPage() {
  const { report, loading, error, reading, fetch } = useIdentity();
  useEffect(() => void useIdentity.getState().fetch(), []);
  return (
    <section
      className={css.page}
      data-testid={testIds.identityPage}
      data-pane="list"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the page scrolls, and must by keyboard too
      tabIndex={0}
      aria-label="Identity"
    >
      <header className={css.head}>
        <h1>{report ? headline(report) : 'Identity'}</h1>
        <span className="muted" aria-live="polite">
          {loading
            ? { changes: 'Reading…', disks: 'Reading every disk…', ssh: 'Reading over SSH…' }[
                reading ?? 'changes'
              ]
            : report && `Checked ${ago(report.checkedAt)}`}
        </span>
        <Button size="small" isDisabled={loading} onPress={() => void readRunning()}>
          Read running machines over SSH
        </Button>
        <Button size="small" isDisabled={loading} onPress={() => void fetch({ refresh: true })}>
          <RefreshCw size={14} aria-hidden="true" />
          Read again
        </Button>
      </header>
      <div className={css.progress}>{loading && <Progress fraction={null} label="Reading identities" />}</div>
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {report && <Report report={report} />}
      {!report && !error && <p className="muted">Reading the disks of all machines, without booting them…</p>}
    </section>
  );
}

function headline(report: IdentityReport): string {
  const count = countProblems(report);
  return count === 0 ? 'Identity' : counted(count, 'problem');
}

const keyOf = ({ members, shared }: Doubles) =>
  [...members.map((one) => one.id), ...shared.map((one) => one.kind + one.value)].join(' ');

function Report({ report }: { report: IdentityReport }) {
  const problems = doubles(problemGroups(report));
  const wrong = report.rows.filter(rowIsWrong);
  const notes = doubles(report.groups.filter((group) => group.severity === 'note'));
  const { good } = splitRows(report);
  const ids = repairable(report);
  const { open } = useUi.getState();
  const unread = report.rows.filter((row) => row.facts === null).length;
  if (report.rows.length === 0)
    return (
      <div className={css.none}>
        <Empty
          title="No machines yet"
          icon={<Fingerprint size={24} aria-hidden="true" />}
          action={
            <Button look="primary" size="large" onPress={() => open({ kind: 'new-guest' })}>
              New guest…
            </Button>
          }
        >
          Here every guest, template and server is compared with every other: two that share a machine-id,
          host keys or a network address are found, explained and repaired.
        </Empty>
      </div>
    );
  return (
    <>
      {problems.length + wrong.length > 0 ? (
        <div className={css.problems} data-testid={testIds.identityProblems}>
          <div className={css.repairLine}>
            <p>
              These machines are not each a machine of its own. A repair gives them new values; the old ones
              are kept and can be put back.
            </p>
            {ids.length > 0 && (
              <Button
                look="primary"
                onPress={() => open({ kind: 'repair', ids })}
                data-testid={testIds.identityRepair}
              >
                Repair {ids.length}…
              </Button>
            )}
          </div>
          {problems.map((group) => (
            <Group key={keyOf(group)} group={group} rows={report.rows} />
          ))}
          {wrong.length > 0 && (
            <section className={css.group} aria-label="Differs from what was written">
              <h2>Differs from what was written</h2>
              <p className="muted">A boot after the change showed other values than Guesthouse wrote.</p>
              <Members rows={wrong} />
            </section>
          )}
        </div>
      ) : (
        <p className={css.fine}>
          <Dot tone="running" word="Every machine that was read is a machine of its own." />
          {unread > 0 && (
            <span className="muted"> {counted(unread, 'machine')} could not be read: see below.</span>
          )}
        </p>
      )}
      {notes.length > 0 && (
        <Disclosure title={`${counted(notes.length, 'note')}: not wrong, but good to know`}>
          {notes.map((group) => (
            <Group key={keyOf(group)} group={group} rows={report.rows} />
          ))}
        </Disclosure>
      )}
      {good.length > 0 && (
        <Disclosure
          title={
            problems.length + wrong.length > 0
              ? `${counted(good.length, 'machine')} without problems`
              : counted(good.length, 'machine')
          }
          startsOpen={problems.length + wrong.length === 0}
          strong
        >
          <Table rows={good} />
        </Disclosure>
      )}
    </>
  );
}

/** Machines that share something: what, what follows from it, and who they are. */
function Group({ group: { members, shared }, rows }: { group: Doubles; rows: readonly IdentityRow[] }) {
  const found = members.flatMap(
    ({ kind, id }) => rows.find((row) => row.kind === kind && row.id === id) ?? [],
  );
  const bad = shared.some((one) => one.severity === 'problem');
  return (
    <section
      className={cx(css.group, !bad && css.quiet)}
      aria-label={`${found.map((row) => row.name).join(', ')}: ${shared.map((one) => groupTitle[one.kind]).join(', ')}`}
    >
      <ul className={css.shares}>
        {shared.map(({ kind, value, consequence }) => (
          <li key={kind + value}>
            <h2>
              {groupTitle[kind]}{' '}
              <span className="mono selectable" title={value}>
                {kind === 'host-key' || kind === 'machine-id' || kind === 'uuid' ? shortId(value) : value}
              </span>
            </h2>
            <p className="muted">{consequence}</p>
          </li>
        ))}
      </ul>
      <Members rows={found} />
    </section>
  );
}

function Members({ rows }: { rows: readonly IdentityRow[] }) {
  const { open } = useUi.getState();
  return (
    <ul className={css.members}>
      {rows.map((row) => (
        <li key={`${row.kind} ${row.id}`}>
          <b title={row.name}>{row.name}</b>
          <MachineState row={row} />
          <Verification row={row} />
          <span className="muted">{whereRead(row)}</span>
          {row.kind === 'template' ? (
            <span className="muted">seal it again</span>
          ) : (
            <Button
              size="small"
              aria-label={`Repair ${row.name}`}
              onPress={() => open({ kind: 'repair', ids: [row.id] })}
            >
              Repair…
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}

function Verification({ row }: { row: IdentityRow }) {
  if (row.kind === 'template') return <span className="muted">–</span>;
  const { word, tone, meaning } = verificationWords[row.verification];
  return <Dot tone={tone} word={word} title={meaning} />;
}

const dbusWords = {
  link: 'link',
  same: 'same, a copy',
  different: 'different',
  missing: 'missing',
  empty: 'empty',
  none: 'no D-Bus',
  unreadable: 'not readable',
} as const;

/** All values of the machines that have no problem; each row unfolds to everything that was read. */
function Table({ rows }: { rows: readonly IdentityRow[] }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  return (
    <table className={css.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col">machine-id</th>
          <th scope="col" className={css.wide}>
            D-Bus
          </th>
          <th scope="col">Hostname</th>
          <th scope="col">Host key</th>
          <th scope="col" className={css.wide}>
            MAC
          </th>
          <th scope="col">Verified</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const key = `${row.kind} ${row.id}`;
          const unfolded = open.has(key);
          return (
            <Fragment key={key}>
              <tr data-testid={identityRowTestId(row.name)}>
                <th scope="row">
                  <button
                    type="button"
                    className={css.unfold}
                    aria-expanded={unfolded}
                    onClick={() => toggle(key)}
                    title={row.name}
                  >
                    <ChevronRight size={14} aria-hidden="true" />
                    <span>{row.name}</span>
                  </button>
                </th>
                <td>
                  <MachineState row={row} />
                </td>
                {row.facts ? <Values row={row} /> : <NotRead row={row} />}
                <td>
                  <Verification row={row} />
                </td>
              </tr>
              {unfolded && (
                <tr className={css.unfolded}>
                  <td colSpan={8}>
                    <RowFacts row={row} />
                    <RowActions row={row} />
                  </td>
                </tr>
              )}
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}

function Values({ row }: { row: IdentityRow }) {
  const { facts } = row;
  const key = facts?.hostKeys[0]?.fingerprint;
  return (
    <>
      <td className="mono" title={facts?.machineId ?? undefined}>
        {facts?.machineId ? shortId(facts.machineId) : <span className="muted">{facts?.machineIdState}</span>}
      </td>
      <td className={css.wide}>{facts && dbusWords[facts.dbus]}</td>
      <td className={css.clip} title={facts?.hostname ?? undefined}>
        {facts?.hostname ?? <span className="muted">none</span>}
      </td>
      <td className="mono" title={key}>
        {key ? shortId(key) : <span className="muted">none</span>}
      </td>
      <td className={cx(css.wide, 'mono')} title={row.macs.join('\n') || undefined}>
        {row.macs[0] ?? <span className="muted">–</span>}
      </td>
    </>
  );
}

/** In place of the values; a narrow page has fewer columns to span. */
function NotRead({ row }: { row: IdentityRow }) {
  const said = (
    <>
      {row.error?.message ?? 'Not read yet.'} <span className="muted">{row.error?.todo}</span>
    </>
  );
  return (
    <>
      <td colSpan={5} className={cx(css.notRead, css.wide)}>
        {said}
      </td>
      <td colSpan={3} className={cx(css.notRead, css.small)}>
        {said}
      </td>
    </>
  );
}
