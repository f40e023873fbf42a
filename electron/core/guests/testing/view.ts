import type { PortLike } from '../../api.ts';

/** The page's end of a screen: bytes as they come, and what is sent. */
export class View {
  private received = Buffer.alloc(0);
  readonly told: unknown[] = [];
  private heard: (() => void) | null = null;
  private listener: (message: unknown) => void = () => {};
  private closing: () => void = () => {};
  readonly closed: Promise<void>;
  readonly port: PortLike;

  constructor() {
    let ended = () => {};
    this.closed = new Promise((done) => {
      ended = done;
    });
    this.port = {
      postMessage: (message) => {
        if (!(message instanceof Uint8Array)) return void this.told.push(message);
        this.received = Buffer.concat([this.received, message]);
        this.heard?.();
      },
      onMessage: (listener) => {
        this.listener = listener;
      },
      onClose: (listener) => {
        this.closing = listener;
      },
      close: ended,
    };
  }
  send(...bytes: number[]): void {
    this.listener(Uint8Array.from(bytes));
  }
  hangUp(): void {
    this.closing();
  }
  async take(length: number): Promise<Buffer> {
    while (this.received.length < length)
      await new Promise<void>((done) => {
        this.heard = done;
      });
    const taken = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return taken;
  }
}

/** RFC 6143, 7.1 to 7.3: version, security, initialisation. Returns width and height. */
export async function handshake(view: View): Promise<[number, number]> {
  const version = (await view.take(12)).toString('latin1');
  if (version !== 'RFB 003.008\n') throw new Error(`another protocol: ${version}`);
  view.send(...Buffer.from('RFB 003.008\n', 'latin1'));
  const [count] = await view.take(1);
  // None: the socket is this person's alone.
  if (!(await view.take(count!)).includes(1)) throw new Error('it asks who is there');
  view.send(1);
  if ((await view.take(4)).readUInt32BE(0) !== 0) throw new Error('it refuses');
  view.send(1);
  const init = await view.take(24);
  await view.take(init.readUInt32BE(20));
  return [init.readUInt16BE(0), init.readUInt16BE(2)];
}
