import type { PermissionProblem } from '../../../shared/model/key.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { fixPermissions } from '../../stores/keys.ts';
import { Button } from '../../ui/Button.tsx';
import { cx } from '../../ui/cx.ts';
import { counted } from '../../ui/format.ts';
import { CopyText } from '../../ui/parts.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './keys.module.css';

/** What is wrong, what OpenSSH does about it, and the repair. */
export function Permissions({ problems }: { problems: readonly PermissionProblem[] }) {
  const fixable = problems.filter((problem) => problem.fixable);
  const refused = problems.some((problem) => problem.severity === 'refused');
  return (
    <section
      className={cx(css.problems, refused && css.refused)}
      aria-label="Permission problems"
      data-testid={testIds.keyProblems}
    >
      <div className={css.problemsHead}>
        <h2>{counted(problems.length, 'permission problem')}</h2>
        {fixable.length > 1 && (
          <Button size="small" look="primary" onPress={() => void fixPermissions()}>
            Repair all {fixable.length}
          </Button>
        )}
      </div>
      <ul>
        {problems.map((problem) => (
          <li key={`${problem.path} ${problem.kind}`} className={css.problem}>
            <div>
              <div className={`${css.path} mono selectable`}>{problem.path}</div>
              <div>
                {problem.problem} {problem.consequence}
              </div>
              {!problem.fixable && (
                <small>
                  Guesthouse cannot repair this one:{' '}
                  <CopyText text={problem.command} label="command" write={writeClipboard} wrap />
                </small>
              )}
            </div>
            {problem.fixable && (
              <Button size="small" onPress={() => void fixPermissions([problem.path])}>
                Repair
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
