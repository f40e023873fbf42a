import type { SourceImage } from '../../../shared/ipc/guests.ts';
import { useHost } from '../../stores/host.ts';
import { Checkbox } from '../../ui/Choice.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './create.module.css';
import type { CreateForm, SourceId } from './form.ts';
import { Warnings } from './HardwareStep.tsx';
import { plainWords, warnings } from './words.ts';

/** The last page: what will happen, in plain words, before anything is made. */
export function ReviewStep({
  source,
  image,
  what,
  form,
  put,
}: {
  source: SourceId;
  image: SourceImage | null;
  /** What it is made from: a path or a name. */
  what: string;
  form: CreateForm;
  put: (patch: Partial<CreateForm>) => void;
}) {
  const report = useHost((state) => state.report);
  return (
    <div className={css.review} data-testid={testIds.createReview}>
      <p>
        <b>{form.name}</b> is made from <span className="mono selectable">{what}</span>
      </p>
      <ul className={css.list}>
        {plainWords(source, image, form).map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <Warnings lines={warnings(source, image, form, report)} />
      <Checkbox checked={form.start} onChange={(start) => put({ start })}>
        Start it when it is made
      </Checkbox>
    </div>
  );
}
