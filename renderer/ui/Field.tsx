import type { ReactNode, Ref } from 'react';
import {
  NumberField as AriaNumberField,
  TextField as AriaTextField,
  FieldError,
  Input,
  Label,
  Text,
  TextArea,
} from 'react-aria-components';
import css from './controls.module.css';

interface Common {
  label: string;
  hint?: ReactNode;
  /** A sentence saying what is wrong, or null. */
  problem?: string | null;
  isDisabled?: boolean;
  onBlur?: () => void;
  autoFocus?: boolean;
}

export function TextField({
  label,
  hint,
  problem,
  value,
  onChange,
  multiline,
  mono,
  inputRef,
  testId,
  placeholder,
  ...rest
}: Common & {
  value: string;
  onChange: (value: string) => void;
  multiline?: number;
  mono?: boolean;
  inputRef?: Ref<HTMLInputElement>;
  testId?: string;
  placeholder?: string;
}) {
  const className = `${css.input} ${mono ? 'mono' : ''}`;
  return (
    <AriaTextField
      {...rest}
      className={css.field}
      value={value}
      onChange={onChange}
      isInvalid={Boolean(problem)}
    >
      <Label className={css.label}>{label}</Label>
      {multiline ? (
        <TextArea
          className={className}
          rows={multiline}
          spellCheck={false}
          data-testid={testId}
          placeholder={placeholder}
        />
      ) : (
        <Input
          className={className}
          ref={inputRef}
          spellCheck={false}
          data-testid={testId}
          placeholder={placeholder}
        />
      )}
      {hint && !problem && (
        <Text slot="description" className={css.hint}>
          {hint}
        </Text>
      )}
      <FieldError className={css.invalid}>{problem}</FieldError>
    </AriaTextField>
  );
}

export function NumberField({
  label,
  hint,
  problem,
  value,
  onChange,
  min,
  max,
  step,
  testId,
  ...rest
}: Common & {
  value: number;
  onChange: (value: number) => void;
  min: number;
  max: number;
  step?: number;
  testId?: string;
}) {
  return (
    <AriaNumberField
      {...rest}
      className={css.field}
      value={value}
      onChange={onChange}
      minValue={min}
      maxValue={max}
      step={step}
      isInvalid={Boolean(problem)}
      formatOptions={{ useGrouping: false }}
    >
      <Label className={css.label}>{label}</Label>
      <Input className={css.input} data-testid={testId} />
      {hint && !problem && (
        <Text slot="description" className={css.hint}>
          {hint}
        </Text>
      )}
      <FieldError className={css.invalid}>{problem}</FieldError>
    </AriaNumberField>
  );
}
