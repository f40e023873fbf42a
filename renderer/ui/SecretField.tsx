import { Eye, EyeOff } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { TextField as AriaTextField, FieldError, Input, Label, Text } from 'react-aria-components';
import { IconButton } from './Button.tsx';
import css from './controls.module.css';

/** A field for a secret: hidden unless asked for, never completed or remembered by the browser. */
export function SecretField({
  label,
  value,
  onChange,
  hint,
  problem,
  autoFocus,
  isDisabled,
  testId,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  problem?: string | null;
  autoFocus?: boolean;
  isDisabled?: boolean;
  testId?: string;
}) {
  const [shown, setShown] = useState(false);
  return (
    <AriaTextField
      className={css.field}
      value={value}
      onChange={onChange}
      isInvalid={Boolean(problem)}
      isDisabled={isDisabled}
      autoFocus={autoFocus}
      type={shown ? 'text' : 'password'}
      autoComplete="off"
    >
      <Label className={css.label}>{label}</Label>
      <div className={css.secret}>
        <Input className={`${css.input} mono`} spellCheck={false} data-testid={testId} />
        <IconButton
          size="small"
          icon={shown ? <EyeOff size={14} /> : <Eye size={14} />}
          label={shown ? 'Hide it' : 'Show it'}
          onPress={() => setShown(!shown)}
        />
      </div>
      {hint && !problem && (
        <Text slot="description" className={css.hint}>
          {hint}
        </Text>
      )}
      <FieldError className={css.invalid}>{problem}</FieldError>
    </AriaTextField>
  );
}
