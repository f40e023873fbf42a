import { RefreshCw } from 'lucide-react';
import { useEffect, useRef } from 'react';
import type { Guest } from '../../../shared/model/guest.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { useAsked } from '../../ui/use-asked.ts';
import css from './details.module.css';

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
