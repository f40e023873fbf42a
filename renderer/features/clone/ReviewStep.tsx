import { Fragment } from 'react';
import type { ClonePlan } from '../../../shared/model/template.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import type { Afterwards } from '../../stores/clone-flow.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { bytes, counted } from '../../ui/format.ts';
import { Changes } from '../../ui/IdentityParts.tsx';
import panes from '../../ui/panes.module.css';
import { CopyText, Progress } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './clone.module.css';
import type { CloneForm, CloneSource, Planned } from './form.ts';

/** Step 3: the very values each clone will have, and what follows, before anything is made. */
export function ReviewStep({
  planned,
  form,
  source,
  then,
  onThen,
  onAgain,
  onSeed,
}: {
  planned: Planned;
  form: CloneForm;
  source: CloneSource;
  then: Afterwards;
  onThen: (then: Afterwards) => void;
  onAgain: () => void;
  /** Back, to give a cloud-init seed: what still works where the disk cannot be edited. */
  onSeed: () => void;
}) {
  if (planned.status === 'failed')
    return (
      <>
        <ErrorNote error={planned.error} write={writeClipboard} />
        <div className={panes.buttons}>
          <Button onPress={onAgain}>Try again</Button>
          {planned.error.code === 'unsupported' && form.seed === null && (
            <Button onPress={onSeed}>Give a cloud-init seed…</Button>
          )}
        </div>
      </>
    );
  if (planned.status !== 'ready')
    return (
      <div className={css.planning}>
        <Progress fraction={null} label="Making identities and reading the disk" />
        <p className="muted">Making an identity for each, and reading {source.name}’s disk…</p>
      </div>
    );
  const { plan } = planned;
  return (
    <>
      <Values plan={plan} />
      <Sentences plan={plan} form={form} />
      {plan.warnings.map((warning) => (
        <p key={warning} className={panes.note}>
          {warning}
        </p>
      ))}
      <div className={css.then}>
        <Checkbox checked={then.start} onChange={(start) => onThen({ ...then, start })}>
          Start now
        </Checkbox>
        {then.start && (
          <Checkbox checked={then.consoles} onChange={(consoles) => onThen({ ...then, consoles })}>
            Open {plan.items.length === 1 ? 'its console' : 'consoles'} when ready
          </Checkbox>
        )}
      </div>
      <Disclosure title="All values: UUIDs, MACs and host keys">
        <AllValues plan={plan} />
      </Disclosure>
      <Disclosure title="What will change on disk">
        {plan.items.length > 1 && (
          <p className="muted">
            On the disk of {plan.items[0]?.name}; the others differ in the values only. {plan.source.name}’s
            own disk is not written.
          </p>
        )}
        <Changes changes={plan.changes} label="Paths that change" />
      </Disclosure>
    </>
  );
}

function Values({ plan }: { plan: ClonePlan }) {
  const withPort = plan.items.some((item) => item.sshPort !== null);
  const kind = /ed25519/.test(plan.items[0]?.identity.hostKeys[0]?.type ?? '') ? ' (Ed25519)' : '';
  return (
    <section
      className={panes.tableBox}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable table must be reachable by keyboard
      tabIndex={0}
      aria-label="What each clone will be"
      data-testid={testIds.cloneReview}
    >
      <table className={panes.table}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Hostname</th>
            <th scope="col">machine-id</th>
            <th scope="col">MAC</th>
            <th scope="col">Host key{kind}</th>
            {withPort && (
              <th scope="col" className={panes.right}>
                SSH port
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {plan.items.map(({ name, identity, sshPort }) => (
            <tr key={name}>
              <th scope="row" title={name}>
                {name}
              </th>
              <td className="selectable">{identity.hostname ?? 'as it was'}</td>
              <td>
                <Value text={identity.machineId} label={`machine-id of ${name}`} />
              </td>
              <td className="mono selectable">{identity.macs[0] ?? 'none'}</td>
              <td>
                <span className={panes.clip}>
                  <Value text={identity.hostKeys[0]?.fingerprint ?? null} label={`host key of ${name}`} />
                </span>
              </td>
              {withPort && <td className={`${panes.right} selectable`}>{sshPort ?? '–'}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What has no room in the table. */
function AllValues({ plan }: { plan: ClonePlan }) {
  return (
    <section
      className={panes.changes}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable box must be reachable by keyboard
      tabIndex={0}
      aria-label="All values of each clone"
      data-testid={testIds.cloneValues}
    >
      {plan.items.map(({ name, identity }) => (
        <section key={name}>
          <h3>{name}</h3>
          <dl className={`${panes.facts} selectable`}>
            <dt>UUID</dt>
            <dd className="mono">{identity.uuid ?? 'as it was'}</dd>
            {identity.macs.map((mac, index) => (
              <Fragment key={mac}>
                <dt>MAC{identity.macs.length > 1 && ` ${index + 1}`}</dt>
                <dd className="mono">{mac}</dd>
              </Fragment>
            ))}
            {identity.hostKeys.map(({ type, fingerprint }) => (
              <Fragment key={fingerprint}>
                <dt>{type}</dt>
                <dd className="mono">{fingerprint}</dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
    </section>
  );
}

function Value({ text, label }: { text: string | null; label: string }) {
  return text === null ? (
    <span className="muted">as it was</span>
  ) : (
    <CopyText text={text} label={label} write={writeClipboard} />
  );
}

/** Plain words for what the table does not say. */
function Sentences({ plan, form }: { plan: ClonePlan; form: CloneForm }) {
  const ports = plan.items.flatMap((item) => item.sshPort ?? []).sort((a, b) => a - b);
  const user = form.loginUser.trim();
  const keys = form.keyIds.size + form.pasted.split('\n').filter((line) => line.trim() !== '').length;
  const [first, last] = [ports[0], ports.at(-1)];
  const total = plan.bytesEach * plan.items.length;
  return (
    <ul className={css.sentences}>
      {plan.notes.map((note) => (
        <li key={note}>{note}</li>
      ))}
      <li>
        About {bytes(plan.bytesEach)} {plan.items.length > 1 && `each, ${bytes(total)} in all`} on this
        computer’s disk at first.
      </li>
      <li>
        {user ? (
          <>
            Log in as <b>{user}</b>
          </>
        ) : (
          'Log in as the source allows'
        )}
        {keys > 0 ? ` with ${counted(keys, 'key')}` : ''}.
        {first !== undefined &&
          ` SSH on this computer: ${first === last ? `port ${first}` : `ports ${first} to ${last}`}.`}
      </li>
    </ul>
  );
}
