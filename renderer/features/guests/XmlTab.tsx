import { useRef, useState } from 'react';
import type { GuestDetail } from '../../../shared/ipc/guests.ts';
import type { Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { saveText } from '../../bridge/files.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { CodeEditor, type CodeEditorHandle } from '../../ui/CodeEditor.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import { MenuButton } from '../../ui/Menu.tsx';
import { TextDiff } from '../../ui/TextDiff.tsx';
import { testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import css from './details.module.css';
import { marksOf, XmlProblems } from './XmlProblems.tsx';

const views = {
  kept: 'domain.xml, as it is on disk',
  running: 'What the running QEMU was started with',
  changes: 'What takes effect at the next start',
} as const;
type View = keyof typeof views;

async function saveAs(guest: Guest): Promise<void> {
  const { name, xml } = await call('guests.exportXml', { id: guest.id });
  const saved = await saveText(`${name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 100)}.xml`, xml);
  if (saved) tell(`Saved as ${saved.path}`);
}

/** The domain XML: as it is kept, as it runs, and what lies between; what of it cannot run or reaches outside. */
export function XmlTab({ guest }: { guest: Guest }) {
  const [detail] = useAsked(`${guest.id} ${guest.state} ${guest.pendingRestart} ${guest.name}`, () =>
    call('guests.detail', { id: guest.id }),
  );
  const [chosen, setView] = useState<View>('kept');
  const editor = useRef<CodeEditorHandle>(null);
  const value = detail.value;
  const runs = value?.runningXml ?? null;
  const view = runs === null ? 'kept' : chosen;
  const text = (view === 'running' ? runs : null) ?? value?.xml ?? '';
  return (
    <div className={css.textPanel} data-testid={testIds.xmlTab}>
      <div className={css.textHead}>
        <span>{views[view]}</span>
        {runs !== null && (
          <MenuButton
            label="What is shown"
            button={
              <Button size="small" data-testid="xml-view">
                Show…
              </Button>
            }
            entries={(Object.keys(views) as View[]).map((id) => ({
              id,
              label: views[id],
              run: () => setView(id),
            }))}
          />
        )}
        <Button size="small" onPress={() => void writeClipboard(text)}>
          Copy
        </Button>
        <Button size="small" data-testid="xml-save-as" onPress={() => void saveAs(guest).catch(tellError)}>
          Save as…
        </Button>
        <Button
          size="small"
          look="primary"
          isDisabled={!value}
          data-testid="xml-edit"
          onPress={() => useUi.getState().open({ kind: 'xml', id: guest.id })}
        >
          Edit…
        </Button>
      </div>
      {detail.status === 'failed' && <ErrorNote error={detail.error} write={writeClipboard} />}
      {view === 'kept' && value && value.problems.length > 0 && (
        <div className={css.xmlNote}>
          <Disclosure title={summary(value.problems)} strong>
            <XmlProblems
              marks={value.problems.map(asMark)}
              onLine={(line) => editor.current?.goToLine(line)}
            />
          </Disclosure>
        </div>
      )}
      <div className={css.xmlText}>
        {view === 'changes' ? (
          <TextDiff
            before={runs ?? ''}
            after={value?.xml ?? ''}
            language="xml"
            label="Changes at the next start"
            flush
            testId="xml-changes"
          />
        ) : (
          <CodeEditor
            ref={editor}
            value={text}
            language="xml"
            label={view === 'kept' ? 'Domain XML' : 'Domain XML that runs'}
            problems={view === 'kept' && value ? marksOf(value.problems) : undefined}
            readOnly
            flush
          />
        )}
      </div>
    </div>
  );
}

const asMark = (problem: GuestDetail['problems'][number]) => ({
  ...problem,
  text: problem.agreed ? `${problem.reason} (allowed)` : problem.reason,
});

/** "1 thing will not run, 2 reach outside the library" */
function summary(problems: GuestDetail['problems']): string {
  const not = problems.filter(({ kind }) => kind === 'unsupported').length;
  const outside = problems.length - not;
  const parts = [];
  if (not > 0) parts.push(`${counted(not, 'thing')} will not run`);
  if (outside > 0)
    parts.push(`${counted(outside, 'thing')} ${outside === 1 ? 'reaches' : 'reach'} outside the library`);
  return parts.join(', ');
}
