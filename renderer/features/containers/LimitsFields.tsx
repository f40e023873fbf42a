import type { HostFacts, LimitKind } from '../../../shared/model/container.ts';
import { limitWords } from '../../../shared/model/container.ts';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { bytes } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './containers.module.css';
import { type LimitsForm, refusals, supportOf } from './limits-form.ts';

/** Fields for limits. What the host cannot hold is said beforehand and cannot be filled in. */
export function LimitsFields({
  form,
  onChange,
  problems,
  facts,
  startsOpen = false,
}: {
  form: LimitsForm;
  onChange: (form: LimitsForm) => void;
  problems: Readonly<Record<string, string>>;
  facts: HostFacts | null;
  /** Unfolds all of them. */
  startsOpen?: boolean;
}) {
  const put = (patch: Partial<LimitsForm>) => onChange({ ...form, ...patch });
  const off = (kind: LimitKind) => supportOf(facts, kind)?.ok === false;
  const number = (
    key: Exclude<keyof LimitsForm, 'cpuSet' | 'device'>,
    label: string,
    kind: LimitKind,
    more: { max?: number; hint?: string; problem?: string; step?: number; testId?: string } = {},
  ) => (
    <NumberField
      label={label}
      value={form[key]}
      onChange={(value) => put({ [key]: value })}
      min={0}
      max={more.max ?? 1e9}
      step={more.step}
      isDisabled={off(kind)}
      hint={off(kind) ? 'Not on this host.' : more.hint}
      problem={more.problem ?? null}
      testId={more.testId}
    />
  );
  const diskNote = supportOf(facts, 'disk');
  return (
    <>
      {refusals(facts).map(({ why, todo, kinds }) => (
        <div key={why} className={panes.note}>
          <strong>
            {kinds.length > 4
              ? 'Limits cannot be enforced on this host.'
              : `${kinds.map((kind) => limitWords[kind]).join(', ')}: not on this host.`}
          </strong>{' '}
          {why} {todo && <span className="selectable">{todo}</span>}
        </div>
      ))}
      <div className={panes.three}>
        {number('memory', 'Memory, MiB', 'memory', {
          hint: 'Empty: no limit.',
          problem: problems.memory,
          testId: testIds.limitMemory,
        })}
        {number('cpus', 'CPU, cores', 'cpus', {
          max: 4096,
          step: 0.05,
          hint: '0.5 is half a core.',
          problem: problems.cpus,
          testId: testIds.limitCpus,
        })}
        {number('pids', 'Processes', 'pids', { hint: 'At most at once.', problem: problems.pids })}
      </div>
      <Disclosure title="Swap, CPU weight, disk and network" startsOpen={startsOpen}>
        <div className={css.more}>
          <div className={panes.three}>
            {number('swap', 'Swap, MiB', 'swap', {
              hint: 'Beside the memory. 0: none.',
              problem: problems.swap,
            })}
            {number('cpuWeight', 'CPU weight', 'cpuWeight', {
              max: 10_000,
              hint: 'When CPU is short: 100 is usual.',
              problem: problems.cpuWeight,
            })}
            <TextField
              label="Only these CPUs"
              value={form.cpuSet}
              onChange={(cpuSet) => put({ cpuSet })}
              isDisabled={off('cpuSet')}
              hint={off('cpuSet') ? 'Not on this host.' : 'Like 0-1,3.'}
              problem={problems.cpuSet ?? null}
            />
          </div>
          {facts && facts.devices.length > 0 && (
            <>
              <Select
                label="Disk"
                value={form.device}
                onChange={(device) => put({ device })}
                groups={[
                  {
                    title: 'Block devices of the host',
                    options: facts.devices.map(({ path, size }) => ({
                      id: path,
                      label: `${path} (${bytes(size)})`,
                    })),
                  },
                ]}
                hint={diskNote?.ok ? (diskNote.why ?? undefined) : undefined}
              />
              <div className={css.four}>
                {number('readMb', 'Read, MiB/s', 'disk', { problem: problems.disk })}
                {number('writeMb', 'Write, MiB/s', 'disk')}
                {number('readIops', 'Reads per s', 'disk')}
                {number('writeIops', 'Writes per s', 'disk')}
              </div>
            </>
          )}
          <div className={panes.two}>
            {number('netUp', 'Network up, Mbit/s', 'netUp', {
              hint: 'What it sends.',
              problem: problems.netUp,
            })}
            {number('netDown', 'Network down, Mbit/s', 'netDown', {
              hint: 'What it receives.',
              problem: problems.netDown,
            })}
          </div>
        </div>
      </Disclosure>
    </>
  );
}
