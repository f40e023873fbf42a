import { useRef } from 'react';
import type { SeedProblem } from '../../shared/model/seed.ts';
import { Button } from './Button.tsx';
import { CodeEditor, type CodeEditorHandle } from './CodeEditor.tsx';
import controls from './controls.module.css';
import { TextField } from './Field.tsx';
import panes from './panes.module.css';
import css from './seed-fields.module.css';
import { testIds } from './testids.ts';

interface Values {
  readonly user: string;
  readonly passwordHash: string;
  readonly packages: string;
  readonly commands: string;
  readonly edited: boolean;
  readonly text: string;
}

/** A cloud-init seed: the usual things as fields, and the YAML they make, to be edited further. */
export function SeedFields({
  seed,
  put,
  fields,
  problems,
  userHint,
}: {
  seed: Values;
  put: (patch: Partial<Values>) => void;
  /** What is wrong with the fields, or null. */
  fields: string | null;
  /** What is wrong with the YAML; null while it is looked at. */
  problems: readonly SeedProblem[] | null;
  userHint: string;
}) {
  const editor = useRef<CodeEditorHandle>(null);
  return (
    <div className={css.seed} data-testid={testIds.seedFields}>
      <div className={panes.two}>
        <TextField
          label="User"
          value={seed.user}
          onChange={(user) => put({ user })}
          isDisabled={seed.edited}
          hint={userHint}
        />
        <TextField
          label="Password hash"
          value={seed.passwordHash}
          onChange={(passwordHash) => put({ passwordHash })}
          isDisabled={seed.edited}
          mono
          placeholder="$6$…"
          hint="As openssl passwd -6 prints it. Empty: log in by key alone."
        />
        <TextField
          label="Packages"
          value={seed.packages}
          onChange={(packages) => put({ packages })}
          isDisabled={seed.edited}
          placeholder="nginx git"
          hint="Installed at the first boot; that needs a network."
        />
        <TextField
          label="Commands"
          value={seed.commands}
          onChange={(commands) => put({ commands })}
          isDisabled={seed.edited}
          multiline={2}
          mono
          hint="One a line, run once as root when the first boot is over."
        />
      </div>
      {fields && (
        <p className={controls.invalid} role="alert">
          {fields}
        </p>
      )}
      <div className={css.head}>
        <span className={controls.label}>User data, YAML</span>
        {seed.edited && <span className="muted">Edited here: the fields above no longer write it.</span>}
        {seed.edited && (
          <Button size="small" onPress={() => put({ edited: false })}>
            Write it from the fields again
          </Button>
        )}
      </div>
      <ul className={css.problems} aria-live="polite" data-testid={testIds.seedProblems}>
        {problems?.map(({ line, message, severity }) => (
          <li key={`${line} ${message}`} className={severity === 'error' ? css.error : css.warning}>
            <button type="button" className={css.line} onClick={() => editor.current?.goToLine(line)}>
              Line {line}
            </button>{' '}
            {message}
          </li>
        ))}
      </ul>
      <CodeEditor
        ref={editor}
        value={seed.text}
        onChange={(text) => {
          if (text !== seed.text) put({ text, edited: true });
        }}
        language="yaml"
        label="User data, YAML"
        problems={problems ?? []}
        rows={9}
        testId={testIds.seedYaml}
      />
    </div>
  );
}
