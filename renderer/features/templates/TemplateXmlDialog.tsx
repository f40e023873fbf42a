import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { saveText } from '../../bridge/files.ts';
import { tell, tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { CodeEditor } from '../../ui/CodeEditor.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import css from './templates.module.css';

async function saveAs(name: string, xml: string): Promise<void> {
  const saved = await saveText(`${name.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 100)}.xml`, xml);
  if (saved) tell(`Saved as ${saved.path}`);
}

/** A template's domain XML, to read, copy and take along. It is not edited: clones stand on what it says. */
export function TemplateXmlDialog({ id }: { id: string }) {
  const [asked] = useAsked(id, () => call('templates.xml', { id }));
  const close = useUi((state) => state.close);
  const { value } = asked;
  return (
    <Dialog
      title={value ? `XML of the template ${value.name}` : 'XML of the template'}
      width={1000}
      tall
      onClose={close}
      testId={testIds.templateXml}
      foot={
        <>
          <span className="muted">A template’s XML is read-only: clones are made from it.</span>
          <Button isDisabled={!value} onPress={() => value && void writeClipboard(value.xml)}>
            Copy
          </Button>
          <Button
            isDisabled={!value}
            onPress={() => value && void saveAs(value.name, value.xml).catch(tellError)}
          >
            Save as…
          </Button>
          <Button look="primary" onPress={close} autoFocus>
            Close
          </Button>
        </>
      }
    >
      {asked.status === 'failed' && <ErrorNote error={asked.error} write={writeClipboard} />}
      <div className={css.xml}>
        <CodeEditor value={value?.xml ?? ''} language="xml" label="Domain XML of the template" readOnly />
      </div>
    </Dialog>
  );
}
