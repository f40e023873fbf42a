import { useEffect, useRef, useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import type { XmlCheck } from '../../../shared/ipc/guests.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { useGuests } from '../../stores/guests.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { CodeEditor, type CodeEditorHandle } from '../../ui/CodeEditor.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { counted } from '../../ui/format.ts';
import { Progress } from '../../ui/parts.tsx';
import { TextDiff } from '../../ui/TextDiff.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './details.module.css';
import { checkMarks, listOf, XmlProblems } from './XmlProblems.tsx';

/** Milliseconds without a key until the text is checked. */
const pause = 400;

/** Edits a guest's XML: checked while one types, compared before it is saved, and undone with one press afterwards. */
export function XmlDialog({ id }: { id: string }) {
  const guest = useGuests((state) => state.byId[id]);
  const close = useUi((state) => state.close);
  /** What the edit began with, and what `setXml` expects to find. */
  const [before, setBefore] = useState<string | null>(null);
  const [text, setText] = useState('');
  const [check, setCheck] = useState<XmlCheck | null>(null);
  const [checked, setChecked] = useState('');
  const [review, setReview] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<WireError | null>(null);
  const editor = useRef<CodeEditorHandle>(null);

  useEffect(() => {
    let gone = false;
    call('guests.detail', { id }).then(
      ({ xml }) => {
        if (gone) return;
        setBefore(xml);
        setText(xml);
      },
      (cause) => !gone && setError(toWire(cause)),
    );
    return () => {
      gone = true;
    };
  }, [id]);

  useEffect(() => {
    if (before === null) return;
    let late = false;
    const timer = setTimeout(() => {
      call('guests.checkXml', { xml: text }).then(
        (answer) => {
          if (late) return;
          setCheck(answer);
          setChecked(text);
        },
        (cause) => !late && setError(toWire(cause)),
      );
    }, pause);
    return () => {
      late = true;
      clearTimeout(timer);
    };
  }, [text, before]);

  if (!guest) return null;
  const changed = before !== null && text !== before;
  const current = check !== null && checked === text;
  const invalid = current && check.invalid !== null;
  const marks = checkMarks(check);
  const leave = () => (changed ? setLeaving(true) : close());
  const save = async () => {
    if (before === null) return;
    setSaving(true);
    setError(null);
    try {
      await call('guests.setXml', { id, xml: text, expected: before });
      close();
    } catch (cause) {
      setError(toWire(cause));
      setSaving(false);
    }
  };

  return (
    <Dialog
      title={review ? `What changes in ${guest.name}` : `XML of ${guest.name}`}
      width={1100}
      tall
      onClose={leave}
      testId={testIds.xmlDialog}
      foot={
        <>
          <span className="muted" role="status" data-testid="xml-verdict">
            {verdict(check, current, changed)}
          </span>
          {review ? (
            <Button onPress={() => setReview(false)}>Back</Button>
          ) : (
            <Button onPress={leave}>Cancel</Button>
          )}
          {review ? (
            <Button
              look="primary"
              autoFocus
              isDisabled={saving}
              data-testid="xml-save"
              onPress={() => void save()}
            >
              Save
            </Button>
          ) : (
            <Button
              look="primary"
              isDisabled={!changed || !current || invalid}
              data-testid="xml-review"
              onPress={() => setReview(true)}
            >
              Review the changes
            </Button>
          )}
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {before === null && !error && <Progress fraction={null} label="Reading the XML" />}
      {before !== null && review && (
        <>
          {guest.pid !== null && <p>{guest.name} is running. The changes take effect at its next start.</p>}
          <div className={css.xmlText}>
            <TextDiff before={before} after={text} language="xml" label="What changes" testId="xml-diff" />
          </div>
        </>
      )}
      {before !== null && !review && (
        <>
          <div className={css.xmlText}>
            <CodeEditor
              ref={editor}
              value={text}
              onChange={setText}
              language="xml"
              label={`Domain XML of ${guest.name}`}
              problems={marks}
              testId={testIds.xmlEditor}
            />
          </div>
          {check && marks.length > 0 && (
            <section className={css.xmlList} aria-label="Problems">
              <XmlProblems marks={listOf(check)} onLine={(line) => editor.current?.goToLine(line)} />
            </section>
          )}
        </>
      )}
      {leaving && (
        <Confirm
          title="Throw your changes away?"
          act="Throw them away"
          onClose={() => setLeaving(false)}
          onAct={close}
        >
          <p>The XML stays as it was.</p>
        </Confirm>
      )}
    </Dialog>
  );
}

/** One line on the text as it stands. */
function verdict(check: XmlCheck | null, current: boolean, changed: boolean): string {
  if (!check || !current) return 'Checking…';
  if (check.invalid) return `Line ${check.invalid.line ?? '?'}: ${check.invalid.reason}`;
  const said = [];
  if (check.schema.state === 'valid') said.push('Valid by libvirt’s schema');
  else if (check.schema.state === 'invalid')
    said.push(`${counted(check.schema.messages.length, 'fault')} by libvirt’s schema`);
  else said.push('Well-formed; libvirt’s schema is not installed here');
  const not = check.problems.filter(({ kind }) => kind === 'unsupported').length;
  const outside = check.problems.length - not;
  if (not > 0) said.push(`${not} will not run`);
  if (outside > 0) said.push(`${outside} outside the library`);
  if (!changed) said.push('unchanged');
  return said.join(', ');
}
