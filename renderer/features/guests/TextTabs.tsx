import { RefreshCw } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { CodeEditor } from '../../ui/CodeEditor.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { useAsked } from '../../ui/use-asked.ts';
import css from './guests.module.css';

function Text({ text, label, end = false }: { text: string; label: string; end?: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new text is shown from its end anew
  useEffect(() => {
    if (end && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text, end]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable text must be reachable by keyboard
    <pre ref={box} className={`${css.text} selectable`} tabIndex={0} role="document" aria-label={label}>
      {text}
    </pre>
  );
}

/** The domain XML as it is on disk, to read and copy. */
export function XmlTab({ guest }: { guest: Guest }) {
  const [detail] = useAsked(`${guest.id} ${guest.state} ${guest.pendingRestart} ${guest.name}`, () =>
    call('guests.detail', { id: guest.id }),
  );
  const [running, setRunning] = useState(false);
  const value = detail.value;
  const text = (running ? value?.runningXml : null) ?? value?.xml;
  return (
    <div className={css.textPanel}>
      <div className={css.textHead}>
        <span>{running ? 'What the running QEMU was started with' : 'domain.xml, as it is on disk'}</span>
        {value?.runningXml && (
          <Button size="small" onPress={() => setRunning(!running)}>
            {running ? 'Show the file' : 'Show what runs'}
          </Button>
        )}
        {text && (
          <Button size="small" onPress={() => void writeClipboard(text)}>
            Copy
          </Button>
        )}
      </div>
      {detail.status === 'failed' ? (
        <ErrorNote error={detail.error} write={writeClipboard} />
      ) : (
        <CodeEditor value={text ?? ''} language="xml" label="Domain XML" readOnly />
      )}
    </div>
  );
}

/** The end of QEMU's log. */
export function LogTab({ guest }: { guest: Guest }) {
  const [log, again] = useAsked(`${guest.id} ${guest.state}`, () =>
    call('guests.log', { id: guest.id, lines: 500 }),
  );
  return (
    <div className={css.textPanel}>
      <div className={css.textHead}>
        <span>What QEMU said, the last 500 lines</span>
        {log.value && (
          <Button size="small" onPress={() => void writeClipboard(log.value ?? '')}>
            Copy
          </Button>
        )}
        <IconButton size="small" icon={<RefreshCw size={14} />} label="Read it again" onPress={again} />
      </div>
      {log.status === 'failed' ? (
        <ErrorNote error={log.error} write={writeClipboard} />
      ) : (
        <Text
          text={
            log.value === ''
              ? 'Nothing yet: QEMU writes here only when something is wrong.'
              : (log.value ?? '')
          }
          label="QEMU log"
          end
        />
      )}
    </div>
  );
}
