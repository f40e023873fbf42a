import { CircleAlert, CircleCheck, CircleHelp, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Verdict } from '../../shared/model/host.ts';
import { CopyText } from './parts.tsx';
import css from './verdicts.module.css';

const marks = {
  ok: { Icon: CircleCheck, word: 'Good' },
  warning: { Icon: TriangleAlert, word: 'Could be better' },
  bad: { Icon: CircleAlert, word: 'In the way' },
  unknown: { Icon: CircleHelp, word: 'Not known' },
} as const;

/** What stands `between these` is what one would type. */
function withCode(text: string): ReactNode {
  const [before, code, ...rest] = text.split('`');
  if (code === undefined) return text;
  return (
    <>
      {before}
      <code>{code}</code>
      {withCode(rest.join('`'))}
    </>
  );
}

/** What was found about this machine, each with what to do about it. */
export function Verdicts({
  verdicts,
  write,
}: {
  verdicts: readonly Verdict[];
  write: (text: string) => Promise<void>;
}) {
  return (
    <ul className={css.list}>
      {verdicts.map(({ id, title, status, summary, todo, command }) => {
        const { Icon, word } = marks[status];
        return (
          <li key={id} className={css.verdict} data-testid={`verdict-${id}`}>
            <Icon size={16} className={css[status]} role="img" aria-label={word} />
            <span className={css.title}>{title}</span>
            <span className={css.text}>
              <span className="selectable">{withCode(summary)}</span>
              {todo && <span className={`${css.todo} selectable`}>{withCode(todo)}</span>}
              {command && <CopyText text={command} label="command" write={write} wrap />}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
