import { useEffect } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { problemGroups, useIdentity } from '../../stores/identity.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import panes from '../../ui/panes.module.css';
import { Progress } from '../../ui/parts.tsx';
import css from './identity.module.css';
import { RowActions, RowFacts } from './RowParts.tsx';
import { groupTitle } from './words.ts';

/** The identity of one guest, and with whom it shares what it must not. */
export function IdentityTab({ guest }: { guest: Guest }) {
  const { report, loading, error } = useIdentity();
  useEffect(() => {
    if (!useIdentity.getState().report) void useIdentity.getState().fetch();
  }, []);
  const row = report?.rows.find((one) => one.kind === 'guest' && one.id === guest.id);
  const shared = problemGroups(report).filter((group) =>
    group.members.some(({ kind, id }) => kind === 'guest' && id === guest.id),
  );
  return (
    <div className={cx(panes.panel, panes.tabPanel)}>
      {!row && loading && <Progress fraction={null} label="Reading its identity" />}
      {!row && !loading && error && <ErrorNote error={error} write={writeClipboard} />}
      {!row && !loading && !error && (
        <div className={panes.buttons}>
          <Button size="small" onPress={() => void useIdentity.getState().fetch()}>
            Read its identity
          </Button>
        </div>
      )}
      {shared.length > 0 && (
        <div className={cx(panes.note, css.shared)}>
          {shared.map((group) => (
            <p key={`${group.kind} ${group.value}`}>
              <b>{groupTitle[group.kind]}</b> as{' '}
              {group.members
                .filter((member) => member.id !== guest.id)
                .map((member) => report?.rows.find((one) => one.id === member.id)?.name ?? member.id)
                .join(', ')}
              . {group.consequence}
            </p>
          ))}
          <Button size="small" onPress={() => useUi.getState().go('identity')}>
            Show on the Identity page
          </Button>
        </div>
      )}
      {row && (
        <>
          <RowFacts row={row} />
          <RowActions row={row} />
        </>
      )}
    </div>
  );
}
