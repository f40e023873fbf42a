import type { XmlCheck } from '../../../shared/ipc/guests.ts';
import { Checkbox, Choice } from '../../ui/Choice.tsx';
import { TextField } from '../../ui/Field.tsx';
import { counted } from '../../ui/format.ts';
import panes from '../../ui/panes.module.css';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';

export interface XmlForm {
  readonly name: string;
  readonly disks: 'reference' | 'copy' | 'link';
  /** What outside the library it may reach. */
  readonly agreed: ReadonlySet<string>;
  /** Takes what this computer's QEMU has in place of what it lacks. */
  readonly nearest: boolean;
  readonly start: boolean;
}

/** What is to be allowed before the disks can be taken, as a sentence; null when nothing is. */
export function waitsFor(check: XmlCheck, form: XmlForm): string | null {
  if (form.disks === 'reference') return null;
  const left = check.images.filter((file) => !form.agreed.has(file)).length;
  if (left === 0) return null;
  return `${form.disks === 'copy' ? 'To copy' : 'To link to'} its disks, allow ${
    left === 1 ? 'the image' : `the ${left} images`
  } it reads.`;
}

/** What a domain XML asks for: what would not run, what reaches outside, and what becomes of its disks. */
export function XmlPanel({
  check,
  form,
  put,
  problem,
}: {
  check: XmlCheck;
  form: XmlForm;
  put: (patch: Partial<XmlForm>) => void;
  /** Of the name. */
  problem: string | null;
}) {
  const unsupported = check.problems.filter((one) => one.kind === 'unsupported');
  const outside = check.problems.filter((one) => one.kind === 'outside');
  const reaches = [...new Set(outside.flatMap((one) => one.reaches ?? []))];
  const toggle = (one: string, on: boolean) => {
    const agreed = new Set(form.agreed);
    if (on) agreed.add(one);
    else agreed.delete(one);
    put({ agreed });
  };
  return (
    <div className={css.problems} data-testid={testIds.createProblems}>
      <TextField
        label="Name"
        value={form.name}
        onChange={(name) => put({ name })}
        problem={problem}
        testId={testIds.createName}
      />
      <Choice
        label="Its disks"
        value={form.disks}
        onChange={(disks) => put({ disks })}
        options={[
          {
            id: 'copy',
            label: 'Copy them',
            hint: 'The guest gets disks of its own; the files are not changed.',
          },
          { id: 'link', label: 'Link to them', hint: 'Made at once. The files must stay as they are.' },
          {
            id: 'reference',
            label: 'Use them where they are',
            hint: 'The guest writes to the very files. No other machine may use them meanwhile.',
          },
        ]}
      />
      {outside.length > 0 && (
        <section>
          <h3>Reaches outside the library</h3>
          <p className="muted">
            A guest from someone else could read or change your files this way. Allow only what you know.
            {form.disks === 'reference' && ' What you leave out is asked about before the first start.'}
          </p>
          {reaches.map((one) => (
            <Checkbox
              key={one}
              checked={form.agreed.has(one)}
              onChange={(on) => toggle(one, on)}
              hint={outside
                .filter((found) => found.reaches === one)
                .map((found) => `line ${found.line}: ${found.reason}`)
                .join('; ')}
            >
              <span className="mono">{one}</span>
            </Checkbox>
          ))}
        </section>
      )}
      {unsupported.length > 0 && (
        <section>
          <h3>
            {counted(unsupported.length, 'thing')} would not run, or{' '}
            {unsupported.length === 1 ? 'has' : 'have'} no effect
          </h3>
          <ul className={css.list}>
            {unsupported.map((one) => (
              <li key={`${one.line} ${one.path}`}>
                <span className="muted">line {one.line}</span> {one.reason}
              </li>
            ))}
          </ul>
          {check.nearest.length > 0 && (
            <Checkbox
              checked={form.nearest}
              onChange={(nearest) => put({ nearest })}
              hint="The system inside finds slightly other hardware."
            >
              Use {check.nearest.join(' and ')}, which this computer’s QEMU has
            </Checkbox>
          )}
        </section>
      )}
      {check.problems.length === 0 && <p>All of it can be run, and nothing reaches outside the library.</p>}
      {check.schema.state === 'invalid' && (
        <p className={panes.note}>
          libvirt’s own schema refuses it
          {check.schema.messages[0] ? `: ${check.schema.messages[0].text}` : ''}. It can be imported all the
          same.
        </p>
      )}
    </div>
  );
}
