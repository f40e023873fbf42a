import type { ReactElement, ReactNode } from 'react';
import { Button as AriaButton, type ButtonProps, Tooltip, TooltipTrigger } from 'react-aria-components';
import css from './controls.module.css';
import { cx } from './cx.ts';

export interface Props extends Omit<ButtonProps, 'className' | 'style' | 'children'> {
  children: ReactNode;
  /** `danger` does what cannot be taken back; `risky` leads to a question about it. */
  look?: 'plain' | 'primary' | 'danger' | 'risky' | 'quiet';
  size?: 'small' | 'normal' | 'large';
  'data-testid'?: string;
}

export function Button({ look = 'plain', size = 'normal', ...rest }: Props) {
  return (
    <AriaButton
      {...rest}
      className={cx(
        css.button,
        look !== 'plain' && css[look],
        size === 'small' && css.small,
        size === 'large' && css.large,
      )}
    />
  );
}

interface IconProps extends Omit<ButtonProps, 'className' | 'style' | 'children' | 'aria-label'> {
  icon: ReactElement;
  /** Read aloud and shown as the tooltip. */
  label: string;
  look?: 'plain' | 'quiet';
  size?: 'small' | 'normal';
  'data-testid'?: string;
}

export function IconButton({ icon, label, look = 'quiet', size = 'normal', ...rest }: IconProps) {
  return (
    <WithTooltip text={label}>
      <AriaButton
        {...rest}
        aria-label={label}
        className={cx(css.button, css.icon, look === 'quiet' && css.quiet, size === 'small' && css.small)}
      >
        {icon}
      </AriaButton>
    </WithTooltip>
  );
}

/** A tooltip for a focusable child. */
export function WithTooltip({ text, children }: { text: string; children: ReactElement }) {
  return (
    <TooltipTrigger delay={500} closeDelay={0}>
      {children}
      <Tooltip className={css.tooltip} offset={4}>
        {text}
      </Tooltip>
    </TooltipTrigger>
  );
}
