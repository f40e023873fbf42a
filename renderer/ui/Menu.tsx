import { Check, ChevronDown } from 'lucide-react';
import type { ReactElement, ReactNode, RefObject } from 'react';
import {
  Menu as AriaMenu,
  MenuItem,
  MenuTrigger,
  Popover,
  type Selection,
  Separator,
} from 'react-aria-components';
import { Button } from './Button.tsx';
import { cx } from './cx.ts';
import css from './overlays.module.css';
import { Kbd } from './parts.tsx';

export interface MenuEntry {
  readonly id: string;
  readonly label: string;
  readonly icon?: ReactElement;
  readonly keys?: string;
  readonly dangerous?: boolean;
  readonly disabled?: boolean;
  /** A line above it. */
  readonly apart?: boolean;
  readonly testId?: string;
  readonly run: () => void;
}

export function MenuEntries({ label, entries }: { label: string; entries: readonly MenuEntry[] }) {
  return (
    <AriaMenu
      className={css.menu}
      aria-label={label}
      onAction={(key) => entries.find((entry) => entry.id === key)?.run()}
      disabledKeys={entries.filter((entry) => entry.disabled).map((entry) => entry.id)}
    >
      {entries.flatMap((entry) => [
        ...(entry.apart ? [<Separator key={`above-${entry.id}`} className={css.separator} />] : []),
        <MenuItem
          key={entry.id}
          id={entry.id}
          textValue={entry.label}
          className={cx(css.item, entry.dangerous && css.dangerous)}
          data-testid={entry.testId}
        >
          {entry.icon}
          <span className={css.grow}>{entry.label}</span>
          {entry.keys && <Kbd>{entry.keys}</Kbd>}
        </MenuItem>,
      ])}
    </AriaMenu>
  );
}

/** A menu behind a button. */
export function MenuButton({
  button,
  label,
  entries,
}: {
  button: ReactElement;
  label: string;
  entries: readonly MenuEntry[];
}) {
  return (
    <MenuTrigger>
      {button}
      <Popover className={css.popover} placement="bottom end" offset={4}>
        <MenuEntries label={label} entries={entries} />
      </Popover>
    </MenuTrigger>
  );
}

/** A menu at a point: `anchor` is an element put there. */
export function ContextMenu({
  anchor,
  label,
  entries,
  onClose,
}: {
  anchor: RefObject<HTMLElement | null>;
  label: string;
  entries: readonly MenuEntry[];
  onClose: () => void;
}) {
  return (
    <Popover
      className={css.popover}
      triggerRef={anchor}
      isOpen
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      placement="bottom start"
      offset={0}
    >
      <MenuEntries
        label={label}
        entries={entries.map((entry) => ({
          ...entry,
          run: () => {
            onClose();
            entry.run();
          },
        }))}
      />
    </Popover>
  );
}

/** A filter: none chosen means all. */
export function FilterMenu<T extends string>({
  label,
  options,
  chosen,
  onChange,
}: {
  label: string;
  options: readonly { readonly id: T; readonly label: ReactNode; readonly text: string }[];
  chosen: ReadonlySet<T>;
  onChange: (chosen: ReadonlySet<T>) => void;
}) {
  const change = (selection: Selection) =>
    onChange(
      new Set(options.map((option) => option.id).filter((id) => selection === 'all' || selection.has(id))),
    );
  return (
    <MenuTrigger>
      <Button size="small" isDisabled={options.length === 0}>
        {chosen.size === 0 ? label : `${label}: ${chosen.size}`}
        <ChevronDown size={14} aria-hidden="true" />
      </Button>
      <Popover className={css.popover} offset={4} placement="bottom start">
        <AriaMenu
          className={css.menu}
          aria-label={label}
          selectionMode="multiple"
          selectedKeys={chosen}
          onSelectionChange={change}
        >
          {options.map((option) => (
            <MenuItem key={option.id} id={option.id} textValue={option.text} className={css.item}>
              {({ isSelected }) => (
                <>
                  <span className={css.check}>{isSelected && <Check size={16} />}</span>
                  <span className={css.grow}>{option.label}</span>
                </>
              )}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
