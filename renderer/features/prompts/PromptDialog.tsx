import { useState } from 'react';
import type { Prompt } from '../../../shared/model/prompt.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { usePrompts } from '../../stores/prompts.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { counted } from '../../ui/format.ts';
import { CopyText } from '../../ui/parts.tsx';
import { SecretField } from '../../ui/SecretField.tsx';
import { testIds } from '../../ui/testids.ts';
import css from './prompts.module.css';

/** The question that came first, above everything else; others wait behind it. */
export function PromptDialog() {
  const prompts = usePrompts((state) => state.all);
  const first = prompts[0];
  return first ? <Question key={first.id} prompt={first} waiting={prompts.length - 1} /> : null;
}

const fields = {
  password: 'Password',
  passphrase: 'Passphrase',
  otp: 'One-time code',
  text: 'Answer',
} as const;

const buttons = { password: 'Log in', passphrase: 'Unlock', otp: 'Send', text: 'Send' } as const;

function Question({ prompt, waiting }: { prompt: Prompt; waiting: number }) {
  const { id, kind } = prompt;
  const [text, setText] = useState('');
  /** Sent: the question goes away with its event. */
  const [sent, setSent] = useState(false);
  const send = (answer: string) => {
    setSent(true);
    setText('');
    void call('prompts.answer', { id, answer }).catch((error) => {
      setSent(false);
      tellError(error);
    });
  };
  const cancel = () => {
    setSent(true);
    void call('prompts.cancel', { id }).catch(() => {});
  };
  const line = kind === 'password' || kind === 'passphrase' || kind === 'otp' || kind === 'text';
  return (
    <Dialog
      title={titleOf(prompt)}
      alert
      width={480}
      testId={testIds.prompt}
      onClose={cancel}
      onSubmit={line ? () => !sent && send(text) : undefined}
      foot={
        <>
          <span className={css.waiting} aria-live="polite">
            {waiting > 0 && `${counted(waiting, 'more question')} after this`}
          </span>
          <Button onPress={cancel} autoFocus={!line} isDisabled={sent}>
            {kind === 'confirm' || kind === 'host-key' ? 'No' : 'Cancel'}
          </Button>
          {line && (
            <Button look="primary" type="submit" isDisabled={sent} data-testid={testIds.promptSubmit}>
              {buttons[kind]}
            </Button>
          )}
          {(kind === 'host-key' || kind === 'confirm') && (
            <Button
              look="primary"
              isDisabled={sent}
              onPress={() => send('yes')}
              data-testid={testIds.promptSubmit}
            >
              {kind === 'host-key' ? 'It is the right key' : 'Yes'}
            </Button>
          )}
        </>
      }
    >
      <p className="muted">{prompt.title}</p>
      {kind === 'host-key' ? <HostKey prompt={prompt} /> : <Words prompt={prompt} line={line} />}
      {line && (
        <SecretField
          label={fields[kind]}
          value={text}
          onChange={setText}
          autoFocus
          isDisabled={sent}
          testId={testIds.promptAnswer}
          hint="Handed to OpenSSH and forgotten: it is not stored."
        />
      )}
      {kind === 'notice' && <p className="muted">This goes away by itself.</p>}
    </Dialog>
  );
}

function titleOf({ kind, host }: Prompt): string {
  switch (kind) {
    case 'host-key':
      return host ? `Is this ${host}?` : 'Is this the right host?';
    case 'password':
      return host ? `Password for ${host}` : 'Password';
    case 'passphrase':
      return 'Passphrase of a key';
    case 'otp':
      return host ? `One-time code for ${host}` : 'One-time code';
    case 'confirm':
      return 'Allow it?';
    case 'notice':
      return 'Touch your security key';
    case 'text':
      return host ? `${host} asks` : 'A question';
  }
}

/** The other side's own words, set apart so that they cannot pass for ours. */
function Words({ prompt, line }: { prompt: Prompt; line: boolean }) {
  return (
    <>
      {prompt.attempt > 1 && (
        <p className={css.wrong} role="alert">
          That was not right. Attempt {prompt.attempt}.
        </p>
      )}
      <blockquote className={`${css.words} selectable`}>{prompt.text.trim()}</blockquote>
      {line && prompt.kind === 'text' && <p className="muted">The words above come from the host.</p>}
    </>
  );
}

function HostKey({ prompt }: { prompt: Prompt }) {
  const { hostKey } = prompt;
  if (!hostKey) return <Words prompt={prompt} line={false} />;
  return (
    <>
      <p>
        This is the first connection, so Guesthouse does not know the host’s key yet. It showed this one (
        {hostKey.type}):
      </p>
      <blockquote className={`${css.words} selectable`}>{prompt.text.split('\n', 1)[0]}</blockquote>
      <div className={css.fingerprint}>
        <CopyText text={hostKey.fingerprint} label="fingerprint" write={writeClipboard} wrap />
      </div>
      <p className="muted">
        Compare it with what the machine itself says, or the console output of your cloud provider. If it
        differs, someone may stand between. Say yes only when it is the same; from then on any other key is
        refused.
      </p>
      <p>
        On the machine:{' '}
        <CopyText
          text={`ssh-keygen -lf /etc/ssh/ssh_host_${hostKey.type.toLowerCase()}_key.pub`}
          label="command"
          write={writeClipboard}
          wrap
        />
      </p>
    </>
  );
}
