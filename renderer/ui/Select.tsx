import { type ReactNode, useId } from 'react';
import css from './controls.module.css';

/** One of many, by the system's own list. */
export function Select({
  label,
  hint,
  value,
  onChange,
  groups,
  testId,
}: {
  label: string;
  hint?: ReactNode;
  value: string;
  onChange: (value: string) => void;
  groups: readonly {
    readonly title: string;
    readonly options: readonly { readonly id: string; readonly label: string }[];
  }[];
  testId?: string;
}) {
  const id = useId();
  return (
    <div className={css.field}>
      <label className={css.label} htmlFor={id}>
        {label}
      </label>
      <select
        id={id}
        className={css.input}
        value={value}
        data-testid={testId}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onChange={(event) => onChange(event.target.value)}
      >
        {groups
          .filter((group) => group.options.length > 0)
          .map((group) => (
            <optgroup key={group.title} label={group.title}>
              {group.options.map((option) => (
                <option key={option.id} value={option.id}>
                  {option.label}
                </option>
              ))}
            </optgroup>
          ))}
      </select>
      {hint && (
        <span id={`${id}-hint`} className={css.hint}>
          {hint}
        </span>
      )}
    </div>
  );
}
