import { useEffect, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { ImportCandidate } from '../../../shared/model/server.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { serverAddress } from '../../stores/servers.ts';
import { tell } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import { Progress } from '../../ui/parts.tsx';
import css from './servers.module.css';

/** Hosts of ~/.ssh/config, as ssh resolves them. */
export function ImportServersDialog() {
  const [candidates, setCandidates] = useState<readonly ImportCandidate[] | null>(null);
  const [error, setError] = useState<WireError | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const close = () => useUi.getState().close();
  useEffect(() => {
    call('servers.importCandidates').then(
      (found) => {
        setCandidates(found);
        setChosen(new Set(found.filter((one) => !one.known && !one.problem).map((one) => one.alias)));
      },
      (cause) => setError(toWire(cause)),
    );
  }, []);
  const bring = async () => {
    try {
      const added = await call('servers.import', { aliases: [...chosen] });
      tell(`${counted(added.length, 'server')} imported`);
      close();
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  const able = (candidates ?? []).filter((one) => !one.known && !one.problem);
  const nothing = candidates !== null && able.length === 0;
  const rest = (candidates ?? []).filter((one) => one.known || one.problem);
  return (
    <Dialog
      title="Import from ~/.ssh/config"
      width={520}
      onClose={close}
      onSubmit={() => chosen.size > 0 && void bring()}
      foot={
        <>
          <Button onPress={close}>{nothing ? 'Close' : 'Cancel'}</Button>
          {!nothing && (
            <Button look="primary" type="submit" isDisabled={chosen.size === 0}>
              {chosen.size === 0 ? 'Import' : `Import ${counted(chosen.size, 'server')}`}
            </Button>
          )}
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {!candidates && !error && <Progress fraction={null} label="Reading ~/.ssh/config" />}
      {candidates?.length === 0 && (
        <p>There are no hosts in ~/.ssh/config. Entries with patterns such as * name no single host.</p>
      )}
      {nothing && rest.length > 0 && <p>None of its hosts is left to import.</p>}
      {able.length > 0 && (
        <fieldset className={css.candidates}>
          <legend className="sr-only">Hosts</legend>
          {able.map((one) => (
            <Checkbox
              key={one.alias}
              checked={chosen.has(one.alias)}
              hint={serverAddress(one) + (one.jump ? ` by way of ${one.jump}` : '')}
              onChange={(on) => {
                const next = new Set(chosen);
                if (on) next.add(one.alias);
                else next.delete(one.alias);
                setChosen(next);
              }}
            >
              {one.alias}
            </Checkbox>
          ))}
        </fieldset>
      )}
      {rest.length > 0 && (
        <ul className={`${css.warnings} muted`}>
          {rest.map((one) => (
            <li key={one.alias}>
              {one.alias}: {one.problem ?? 'there already'}
            </li>
          ))}
        </ul>
      )}
      {able.length > 0 && (
        <p className="muted">
          What ~/.ssh/config says about them goes on holding: jump hosts, keys, options.
        </p>
      )}
    </Dialog>
  );
}
