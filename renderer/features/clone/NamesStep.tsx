import { useEffect, useRef } from 'react';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useShutDown } from '../../stores/shut-down.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { TextField } from '../../ui/Field.tsx';
import { counted } from '../../ui/format.ts';
import { Empty } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import { ShutFirst } from '../../ui/ShutFirst.tsx';
import { testIds } from '../../ui/testids.ts';
import { type CloneForm, type CloneSource, shownNames } from './form.ts';

/** Step 1: of what, under which names, linked or full. */
export function NamesStep({
  form,
  put,
  source,
  sources,
  asked,
  named,
  onSource,
}: {
  form: CloneForm;
  put: (patch: Partial<CloneForm>) => void;
  source: CloneSource | undefined;
  sources: readonly CloneSource[];
  /** How many sources were chosen before the wizard opened. */
  asked: number;
  named: { readonly names: readonly string[]; readonly problem: string | null };
  onSource: (id: string) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const down = useShutDown(source?.kind === 'guest' ? source.id : null);
  useEffect(() => input.current?.select(), []);
  if (!source)
    return (
      <Empty
        title="Nothing to clone yet"
        action={
          <Button look="primary" onPress={() => useUi.getState().open({ kind: 'new-guest' })}>
            New guest…
          </Button>
        }
      >
        Clones are made from a template or from a guest that is off.
      </Empty>
    );
  const options = (kind: CloneSource['kind']) =>
    sources.filter((one) => one.kind === kind).map((one) => ({ id: one.id, label: one.name }));
  return (
    <>
      <Select
        label="Source"
        value={source.id}
        onChange={onSource}
        groups={[
          { title: 'Templates', options: options('template') },
          { title: 'Guests', options: options('guest') },
        ]}
        hint={asked > 1 ? `${asked} were selected; one at a time is cloned.` : undefined}
      />
      {!source.ready && (
        <ShutFirst
          name={source.name}
          why="Its disk can be cloned only while it is off."
          {...down}
          write={writeClipboard}
        />
      )}
      <TextField
        label="Names"
        value={form.pattern}
        onChange={(pattern) => put({ pattern })}
        problem={named.problem}
        inputRef={input}
        testId={testIds.cloneNames}
        autoFocus
        hint={
          <>
            {named.names.length > 1 && (
              <>
                <b>{counted(named.names.length, 'guest')}:</b> {shownNames(named.names)}
                <br />
              </>
            )}
            One name, several with commas, or a pattern such as web-{'{01..20}'}. Up to 100.
          </>
        }
      />
      <Choice
        label="Disk"
        value={form.linked ? 'linked' : 'full'}
        onChange={(kind) => put({ linked: kind === 'linked' })}
        options={[
          {
            id: 'linked',
            label: 'Linked clone',
            hint:
              source.kind === 'template'
                ? 'Keeps only what differs from the template’s disk: made at once, about 1 MiB each. The template cannot be deleted while it exists.'
                : `Keeps only what differs: made at once. The disk of ${source.name} becomes a read-only base that both stand on.`,
          },
          {
            id: 'full',
            label: 'Full clone',
            hint: 'Has a whole disk of its own and needs nothing of its source. Takes the space and the time of a copy.',
          },
        ]}
      />
    </>
  );
}
