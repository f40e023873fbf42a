import { Check } from 'lucide-react';
import type { ReactNode } from 'react';
import { Checkbox as AriaCheckbox, Label, Radio, RadioGroup } from 'react-aria-components';
import controls from './controls.module.css';
import css from './overlays.module.css';

/** A few choices, each explained in one line. */
export function Choice<T extends string>({
  label,
  value,
  onChange,
  options,
  autoFocus,
}: {
  label: string;
  value: T;
  onChange: (value: T) => void;
  options: readonly { readonly id: T; readonly label: string; readonly hint?: string }[];
  /** Gives the keyboard to the one that is chosen. */
  autoFocus?: boolean;
}) {
  return (
    <RadioGroup className={controls.field} value={value} onChange={(id) => onChange(id as T)}>
      <Label className={controls.label}>{label}</Label>
      <div className={css.radios}>
        {options.map((option) => (
          <Radio
            key={option.id}
            value={option.id}
            className={css.radio}
            autoFocus={autoFocus && option.id === value}
          >
            <span className={css.ring} aria-hidden="true" />
            <span>
              {option.label}
              {option.hint && <small>{option.hint}</small>}
            </span>
          </Radio>
        ))}
      </div>
    </RadioGroup>
  );
}

export function Checkbox({
  children,
  hint,
  checked,
  onChange,
}: {
  children: ReactNode;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <AriaCheckbox className={css.checkbox} isSelected={checked} onChange={onChange}>
      <span className={css.box} aria-hidden="true">
        {checked && <Check size={12} strokeWidth={3} />}
      </span>
      <span>
        {children}
        {hint && <small>{hint}</small>}
      </span>
    </AriaCheckbox>
  );
}
