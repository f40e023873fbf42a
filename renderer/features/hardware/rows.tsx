import { ChevronRight, Undo2 } from 'lucide-react';
import { createContext, type ReactElement, type ReactNode, useContext, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import type { HardwareDifference, HardwareView } from '../../../shared/model/hardware.ts';
import { call } from '../../bridge/call.ts';
import { tell, tellError, useToasts } from '../../stores/toasts.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { hardwareRowTestId } from '../../ui/testids.ts';
import css from './hardware.module.css';

/** A change that did not go through while the guest ran, with the way that is left. */
export interface Trouble {
  readonly error: WireError;
  readonly change: HardwareChangeInput;
}

export interface Bench {
  readonly guest: Guest;
  readonly view: HardwareView;
  readonly busy: boolean;
  /** Makes a change; true when it went through. What fails is told. */
  change(change: HardwareChangeInput, when?: 'next-start'): Promise<boolean>;
  revert(part: string | null): void;
}

const Here = createContext<Bench | null>(null);
export const BenchProvider = Here.Provider;

/** The guest whose hardware is shown, and how it is changed. */
export function useBench(): Bench {
  const bench = useContext(Here);
  if (!bench) throw new Error('no hardware here');
  return bench;
}

/** Calls behind the tab: one change at a time, then the view is asked for again. */
export function useChanges(guest: Guest, again: () => void) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const change: Bench['change'] = async (wanted, when) => {
    setBusy(true);
    setTrouble(null);
    forgetOlder(guest);
    try {
      const done = await call('hardware.change', { id: guest.id, change: wanted, ...(when ? { when } : {}) });
      if (done.when === 'next-start' && done.why !== null && when === undefined)
        tell(`Takes effect at the next start: ${done.why}.`);
      return true;
    } catch (error) {
      setTrouble({ error: toWire(error), change: wanted });
      return false;
    } finally {
      setBusy(false);
      again();
    }
  };
  const revert = (part: string | null) => {
    call('hardware.revert', { id: guest.id, part }).catch(tellError).finally(again);
  };
  return { busy, trouble, change, revert, forget: () => setTrouble(null) };
}

/** Only the newest change can be undone: the words about older ones go. */
function forgetOlder(guest: Guest): void {
  const { toasts, close } = useToasts.getState();
  for (const { id, text, action } of toasts) if (action && text.startsWith(`${guest.name}: `)) close(id);
}

/** Rows a person opened stay open while they look at something else. */
const opened = new Set<string>();

/** One device: what it is, what it is like, and below it, once opened, how it is changed. */
export function Row({
  part,
  icon,
  name,
  summary,
  children,
}: {
  /** As `pending` names it; also what tests find it by. */
  part: string;
  icon: ReactElement;
  name: string;
  summary: ReactNode;
  children?: ReactNode;
}) {
  const { view, guest } = useBench();
  const key = `${guest.id} ${part}`;
  const [open, setOpen] = useState(opened.has(key));
  const toggle = () => {
    if (open) opened.delete(key);
    else opened.add(key);
    setOpen(!open);
  };
  const waiting = view.pending.find((difference) => difference.part === part);
  return (
    <li className={cx(css.row, open && css.open)} data-testid={hardwareRowTestId(part)}>
      <div className={css.head}>
        <button type="button" className={css.toggle} aria-expanded={open} onClick={toggle}>
          {icon}
          <span className={css.name} title={name}>
            {name}
          </span>
          <span className={css.summary}>{summary}</span>
        </button>
        {waiting && <Waiting difference={waiting} />}
        <ChevronRight size={16} className={css.chevron} aria-hidden="true" />
      </div>
      {open && <div className={css.form}>{children}</div>}
    </li>
  );
}

/** A device that runs and goes at the next start. */
export function GoneRow({ difference, icon }: { difference: HardwareDifference; icon: ReactElement }) {
  return (
    <li className={cx(css.row, css.gone)} data-testid={hardwareRowTestId(difference.part)}>
      <div className={css.head}>
        <div className={css.toggle}>
          {icon}
          <span className={css.name}>{difference.what}</span>
          <span className={css.summary}>{difference.from}</span>
        </div>
        <Waiting difference={difference} />
      </div>
    </li>
  );
}

function Waiting({ difference }: { difference: HardwareDifference }) {
  const { revert, busy } = useBench();
  const said = difference.from === null ? 'not there yet' : `now: ${difference.from}`;
  return (
    <span className={css.badge} title={said}>
      {difference.to === null ? 'goes at next start' : 'at next start'}
      <IconButton
        size="small"
        icon={<Undo2 size={14} />}
        label={`Take back: ${difference.what}, ${said}`}
        isDisabled={busy}
        onPress={() => revert(difference.part)}
      />
    </span>
  );
}

/** The button under a form, and when what it does takes effect. */
export function Apply({
  change,
  live,
  disabled = false,
  children,
}: {
  change: HardwareChangeInput;
  /** QEMU can do it while the guest runs. */
  live: boolean;
  disabled?: boolean;
  /** Further buttons. */
  children?: ReactNode;
}) {
  const bench = useBench();
  return (
    <div className={css.buttons}>
      <Button
        look="primary"
        size="small"
        isDisabled={disabled || bench.busy}
        onPress={() => void bench.change(change)}
      >
        Apply
      </Button>
      {children}
      {bench.view.running && (
        <span className={css.when}>{live ? 'Takes effect now.' : 'Takes effect at the next start.'}</span>
      )}
    </div>
  );
}
