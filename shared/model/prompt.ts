/**
 * A question OpenSSH or sudo asks, shown in the app. Answers are handed on and forgotten: never stored, never logged.
 */
export interface Prompt {
  readonly id: string;
  /**
   * `password`, `passphrase`, `otp` and `text` take a line (`text` may be shown as typed); `host-key` and `confirm`
   * take yes or no; `notice` takes nothing and goes away by itself ("touch your security key").
   */
  readonly kind: 'password' | 'passphrase' | 'otp' | 'text' | 'host-key' | 'confirm' | 'notice';
  /** The question; control characters are made visible, at most 2000 characters. It comes from the other side. */
  readonly text: string;
  /** What asks, for people: "Copying laptop to web-01". */
  readonly title: string;
  /** The guest's or server's name, or null. */
  readonly host: string | null;
  /** Guest, server or key id, or null. */
  readonly subject: string | null;
  /** Operation it belongs to, or null. */
  readonly operation: string | null;
  /** For `host-key`: what the host showed. */
  readonly hostKey: { readonly type: string; readonly fingerprint: string } | null;
  /** Times this question came in the same connection: 2 means the first answer was wrong. */
  readonly attempt: number;
}
