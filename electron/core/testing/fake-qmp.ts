import { createServer, type Server, type Socket } from 'node:net';

export interface FakeQmpOptions {
  /** False: accept and say nothing, as QEMU does while another client is connected. */
  greet?: boolean;
  /** Answers by command; a function gets the arguments. `null` answers never. */
  answers?: Readonly<Record<string, unknown>>;
}

export const greeting = `${JSON.stringify({
  QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 }, package: 'fake' }, capabilities: ['oob'] },
})}\r\n`;

/** A QMP server for faults a real QEMU does not show on demand. Real behaviour is tested with the real one. */
export class FakeQmp {
  readonly commands: string[] = [];
  private readonly sockets = new Set<Socket>();
  private constructor(
    private readonly server: Server,
    private readonly options: FakeQmpOptions,
  ) {}

  static async listen(path: string, options: FakeQmpOptions = {}): Promise<FakeQmp> {
    const server = createServer();
    const fake = new FakeQmp(server, options);
    server.on('connection', (socket) => fake.serve(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    return fake;
  }

  /** Sends raw text to every client. */
  send(text: string): void {
    for (const socket of this.sockets) socket.write(text);
  }

  event(event: string, data: Record<string, unknown> = {}): void {
    this.send(`${JSON.stringify({ event, data, timestamp: { seconds: 1, microseconds: 0 } })}\r\n`);
  }

  /** Cuts all clients off. */
  drop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: Socket) {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    if (this.options.greet !== false) socket.write(greeting);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        this.answer(socket, JSON.parse(line));
      }
    });
  }

  private answer(socket: Socket, command: { execute: string; arguments?: unknown; id: number }) {
    this.commands.push(command.execute);
    const known = this.options.answers ?? {};
    if (!(command.execute in known) && command.execute !== 'qmp_capabilities') {
      const error = {
        class: 'CommandNotFound',
        desc: `The command ${command.execute} has not been found`,
      };
      socket.write(`${JSON.stringify({ error, id: command.id })}\r\n`);
      return;
    }
    const answer = known[command.execute];
    if (answer === null) return;
    const value = typeof answer === 'function' ? answer(command.arguments) : (answer ?? {});
    socket.write(`${JSON.stringify({ return: value, id: command.id })}\r\n`);
  }
}
