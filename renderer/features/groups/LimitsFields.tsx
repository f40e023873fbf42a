import { Plus, X } from 'lucide-react';
import { type Ability, type GroupHost, type LimitName, limitWords } from '../../../shared/model/group.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { TextField } from '../../ui/Field.tsx';
import panes from '../../ui/panes.module.css';
import { Select } from '../../ui/Select.tsx';
import { type IoForm, type LimitField, type LimitsForm, nextDisk } from './form.ts';
import css from './groups.module.css';

/** What a host cannot hold, in one sentence; null when it can. How to get it stands on the page. */

export function abilityHint(ability: Ability | undefined): string | null {
  if (!ability || ability.held === 'yes') return null;
  const start = ability.held === 'no' ? 'Not held here: ' : 'Held in part: ';
  return `${start}${ability.why ?? ''}`;
}

/** The limits of a group: what matters most on top, the rest folded. */
export function LimitsFields({
  form,
  problems,
  host,
  onChange,
}: {
  form: LimitsForm;
  problems: Readonly<Record<string, string>>;
  /** What its machine can hold; null: not known yet. */
  host: GroupHost | null;
  onChange: (form: LimitsForm) => void;
}) {
  const ability = (limit: LimitName) => host?.abilities.find((one) => one.limit === limit);
  const field = (limit: LimitField, placeholder: string, hint: string) => (
    <TextField
      label={limitWords[limit]}
      value={form[limit]}
      onChange={(text) => onChange({ ...form, [limit]: text })}
      problem={problems[limit] ?? null}
      placeholder={placeholder}
      hint={abilityHint(ability(limit)) ?? hint}
      testId={`limit-${limit}`}
    />
  );
  const putDisk = (index: number, patch: Partial<IoForm>) =>
    onChange({ ...form, io: form.io.map((one, at) => (at === index ? { ...one, ...patch } : one)) });
  const disk = (index: number, name: Exclude<keyof IoForm, 'device'>, label: string, placeholder: string) => (
    <TextField
      label={label}
      value={form.io[index]?.[name] ?? ''}
      onChange={(text) => putDisk(index, { [name]: text })}
      problem={problems[`io.${index}.${name}`] ?? null}
      placeholder={placeholder}
      testId={`limit-io-${index}-${name}`}
    />
  );
  const next = host && nextDisk(form, host.devices);
  const ioHint = abilityHint(ability('io'));
  const filled =
    [form.memoryHigh, form.swapMax, form.cpuWeight].some((text) => text !== '') || form.io.length > 0;
  return (
    <>
      <div className={panes.three}>
        {field(
          'memoryMax',
          'no limit',
          'Of all members together. Above it the kernel ends one of their processes.',
        )}
        {field(
          'cpus',
          'no limit',
          host ? `Cores’ worth of time, of ${host.cores}.` : 'Cores’ worth of time.',
        )}
        {field('tasksMax', 'no limit', 'Processes and threads.')}
      </div>
      <Disclosure title="More limits" startsOpen={filled}>
        <div className={panes.three}>
          {field('memoryHigh', 'none', 'Above it members are slowed down; none is ended.')}
          {field('swapMax', 'no limit', '0 keeps members out of swap.')}
          {field('cpuWeight', '100', 'Share against others when processors are busy.')}
        </div>
        <div className={css.disks}>
          {ioHint && <p className="muted">{`Disk. ${ioHint}`}</p>}
          {form.io.map((one, index) => (
            <fieldset className={css.disk} key={one.device} aria-label={one.device}>
              <div className={css.diskHead}>
                <Select
                  label="Disk"
                  value={one.device}
                  onChange={(device) => putDisk(index, { device })}
                  groups={[
                    {
                      title: 'Disks',
                      options: (host?.devices ?? [{ path: one.device, size: null, model: '' }])
                        .filter(
                          ({ path }) => path === one.device || !form.io.some(({ device }) => device === path),
                        )
                        .map(({ path, model }) => ({ id: path, label: model ? `${path} (${model})` : path })),
                    },
                  ]}
                />
                <IconButton
                  label={`No limits for ${one.device}`}
                  icon={<X size={16} />}
                  onPress={() => onChange({ ...form, io: form.io.filter((_, at) => at !== index) })}
                />
              </div>
              <div className={css.four}>
                {disk(index, 'readBytes', 'Read, bytes/s', 'no limit')}
                {disk(index, 'writeBytes', 'Write, bytes/s', 'no limit')}
                {disk(index, 'readOps', 'Reads/s', 'no limit')}
                {disk(index, 'writeOps', 'Writes/s', 'no limit')}
              </div>
            </fieldset>
          ))}
          {next && (
            <Button
              size="small"
              onPress={() => onChange({ ...form, io: [...form.io, next] })}
              data-testid="limit-add-disk"
            >
              <Plus size={14} aria-hidden="true" />
              {form.io.length === 0 ? 'Limit a disk' : 'Limit another disk'}
            </Button>
          )}
        </div>
        <p className="muted">
          Network: not limited by a group. Limit it on a guest’s network card, or on a container.
        </p>
      </Disclosure>
    </>
  );
}
