import { GuesthouseError } from '../../../shared/errors.ts';

/**
 * The QEMU Machine Protocol's framing (QEMU docs/interop/qmp-spec.rst): one JSON object a line, from QEMU ending in
 * CR LF. Pure: bytes in, messages out.
 */

export interface QmpGreeting {
  readonly QMP: {
    readonly version: { readonly qemu: { major: number; minor: number; micro: number }; package: string };
    readonly capabilities: readonly unknown[];
  };
}
export interface QmpReturn {
  readonly return: unknown;
  readonly id?: unknown;
}
export interface QmpFailure {
  readonly error: { readonly class: string; readonly desc: string };
  readonly id?: unknown;
}
export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Seconds and microseconds since the epoch. */
  readonly timestamp: { readonly seconds: number; readonly microseconds: number };
}
export type QmpMessage = QmpGreeting | QmpReturn | QmpFailure | QmpEvent;

/** Bytes one message may have. The longest known, query-qmp-schema's answer, is about 200 kB. */
export const maxMessage = 16 << 20;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function check(value: unknown): QmpMessage {
  if (isObject(value)) {
    if (isObject(value.QMP)) return value as unknown as QmpGreeting;
    if (typeof value.event === 'string') return value as unknown as QmpEvent;
    if (isObject(value.error) && typeof value.error.desc === 'string') return value as unknown as QmpFailure;
    if ('return' in value) return value as unknown as QmpReturn;
  }
  throw new GuesthouseError('qmp-error', 'QEMU sent something that is no QMP message.', {
    detail: JSON.stringify(value)?.slice(0, 500),
  });
}

/** Takes bytes as they come and gives whole messages. */
export class QmpDecoder {
  private parts: Buffer[] = [];
  private size = 0;

  constructor(private readonly max = maxMessage) {}

  /** @throws {GuesthouseError} `qmp-error` when a line is too long, no JSON, or no QMP message */
  push(chunk: Uint8Array): QmpMessage[] {
    const messages: QmpMessage[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (;;) {
      const end = rest.indexOf(10);
      const piece = end < 0 ? rest : rest.subarray(0, end);
      this.size += piece.length;
      if (this.size > this.max)
        throw new GuesthouseError('qmp-error', 'QEMU sent a message that is too long.', {
          why: `A line has more than ${this.max} bytes.`,
        });
      if (end < 0) {
        if (piece.length > 0) this.parts.push(Buffer.from(piece)); // a copy: the socket reuses its buffer
        return messages;
      }
      const line = Buffer.concat([...this.parts, piece])
        .toString('utf8')
        .trim();
      this.parts = [];
      this.size = 0;
      rest = rest.subarray(end + 1);
      if (line === '') continue;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch (cause) {
        throw new GuesthouseError('qmp-error', 'QEMU sent something that is not JSON.', {
          detail: line.slice(0, 500),
          cause,
        });
      }
      messages.push(check(value));
    }
  }
}

/** One command as bytes. `id` comes back with the answer. */
export function encodeCommand(
  execute: string,
  args: Readonly<Record<string, unknown>> | undefined,
  id: number,
): string {
  return `${JSON.stringify({ execute, ...(args ? { arguments: args } : {}), id })}\r\n`;
}
