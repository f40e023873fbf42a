import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { GuestDetail } from '../../../shared/ipc/guests.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { startGuest } from '../../stores/consent.ts';
import { useUi } from '../../stores/ui.ts';
import { Confirm } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import { Progress } from '../../ui/parts.tsx';
import css from './details.module.css';

const close = () => useUi.getState().close();

/** What a guest reaches outside the library, each thing by name, before its first start. */
export function ConsentDialog({ id }: { id: string }) {
  const [detail, setDetail] = useState<GuestDetail | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  useEffect(() => {
    call('guests.detail', { id }).then(setDetail, (cause) => setError(toWire(cause)));
  }, [id]);
  const asked =
    detail?.problems.filter((one) => one.kind === 'outside' && !one.agreed && one.reaches !== null) ?? [];
  const reaches = [...new Set(asked.flatMap((one) => (one.reaches === null ? [] : [one.reaches])))];
  const allow = async () => {
    try {
      await call('guests.allowOutside', { id, reaches });
      close();
      await startGuest(id);
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  return (
    <Confirm
      title={`Let ${detail?.guest.name ?? 'this guest'} reach outside the library?`}
      act="Allow it and start"
      busy={reaches.length === 0}
      onClose={close}
      onAct={() => void allow()}
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {!detail && !error && <Progress fraction={null} label="Reading its XML" />}
      {detail && (
        <>
          <p>
            Its XML names {counted(reaches.length, 'thing')} that {reaches.length === 1 ? 'is' : 'are'} not
            the library’s. A guest from someone else could read or change your files this way. Allow it only
            when you know where the guest comes from.
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable list must be reachable by keyboard */}
          <ul className={`${css.paths} selectable`} tabIndex={0} aria-label="What it reaches">
            {asked.map((one) => (
              <li key={`${one.path} ${one.reaches}`}>
                <span>
                  <span className="mono">{one.reaches}</span>
                  <br />
                  <span className="muted">
                    {one.reason} (line {one.line})
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Confirm>
  );
}
