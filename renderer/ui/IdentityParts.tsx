import {
  type IdentityChange,
  type IdentityPart,
  type IdentityRow,
  identityPartIds,
  identityParts,
} from '../../shared/model/identity.ts';
import { Checkbox } from './Choice.tsx';
import { cx } from './cx.ts';
import { counted } from './format.ts';
import css from './panes.module.css';

export type PartUse = 'clone' | 'repair' | 'seal';

/** The parts that are done unless one chooses otherwise. */
export const usualParts = (use: PartUse): ReadonlySet<IdentityPart> =>
  new Set(identityPartIds.filter((part) => identityParts[part][use]));

/** Each part of an identity, with what it means, to be done or left alone. */
export function PartsChoice({
  label,
  chosen,
  onChange,
}: {
  label: string;
  chosen: ReadonlySet<IdentityPart>;
  onChange: (chosen: ReadonlySet<IdentityPart>) => void;
}) {
  return (
    <fieldset className={css.partsChoice}>
      <legend className="sr-only">{label}</legend>
      {identityPartIds.map((part) => (
        <Checkbox
          key={part}
          checked={chosen.has(part)}
          hint={identityParts[part].meaning}
          onChange={(on) => {
            const next = new Set(chosen);
            if (on) next.add(part);
            else next.delete(part);
            onChange(next);
          }}
        >
          {identityParts[part].title}
        </Checkbox>
      ))}
    </fieldset>
  );
}

const otherTitles = { 'authorized-keys': 'Public keys to log in with', seed: 'cloud-init seed' } as const;
const titleOf = (part: IdentityChange['part']) =>
  part === 'authorized-keys' || part === 'seed' ? otherTitles[part] : identityParts[part].title;

const actions: Readonly<Record<IdentityChange['action'], string>> = {
  write: 'write',
  remove: 'remove',
  link: 'link',
  directory: 'make folder',
};

/** The very paths that will change, by part, with the old and the new value where they may be shown. */
export function Changes({ changes, label }: { changes: readonly IdentityChange[]; label: string }) {
  const groups = new Map<IdentityChange['part'], IdentityChange[]>();
  for (const change of changes) groups.set(change.part, [...(groups.get(change.part) ?? []), change]);
  if (changes.length === 0) return <p className="muted">No path changes.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable list must be reachable by keyboard
    <section className={cx(css.changes, 'selectable')} tabIndex={0} aria-label={label}>
      {[...groups].map(([part, list]) => (
        <div key={part}>
          <h3>
            {titleOf(part)} <span className="muted">{counted(list.length, 'path')}</span>
          </h3>
          <ul className="mono">
            {list.map((change) => (
              <li key={`${change.action} ${change.path}`}>
                <span className={css.action} data-remove={change.action === 'remove' ? '' : undefined}>
                  {actions[change.action]}
                </span>
                <span className={css.path}>
                  {change.path}
                  {(change.before !== null || change.after !== null) && (
                    <span className={css.values}>
                      {change.before !== null && <del>{change.before || '(empty)'}</del>}
                      {change.after !== null && <ins>{change.after || '(empty)'}</ins>}
                    </span>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

/** Whether a boot has shown what was written: a word and what it means. */
export const verificationWords: Readonly<
  Record<
    IdentityRow['verification'],
    { word: string; tone: 'running' | 'waiting' | 'failed' | 'off'; meaning: string }
  >
> = {
  none: {
    word: 'Never repaired',
    tone: 'off',
    meaning: 'Guesthouse never wrote its identity: it is as the system made it.',
  },
  planned: {
    word: 'Written, not booted',
    tone: 'waiting',
    meaning: 'It is on its disk. No boot has confirmed it yet.',
  },
  'restart-needed': {
    word: 'Restart needed',
    tone: 'waiting',
    meaning: 'Written while it runs. It takes effect when it restarts.',
  },
  verified: { word: 'Verified', tone: 'running', meaning: 'Read from a boot after the change, as planned.' },
  differs: {
    word: 'Differs',
    tone: 'failed',
    meaning: 'A boot after the change shows something else than was written.',
  },
};
