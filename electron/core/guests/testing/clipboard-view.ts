import { deflateSync, inflateSync } from 'node:zlib';
import type { View } from './view.ts';

/** The Extended Clipboard pseudo-encoding of RFB (rfbproto, 7.7.27): its number and flags. */
const encoding = -1063131698;
const [text, caps, request, notify, provide] = [1, 1 << 24, 1 << 25, 1 << 27, 1 << 28];

/** The clipboard of a screen's view, as noVNC speaks it. */
export class ClipboardView {
  private offered = '';

  constructor(private readonly view: View) {
    const encodings = Buffer.alloc(8);
    encodings.writeUInt8(2, 0);
    encodings.writeUInt16BE(1, 2);
    encodings.writeInt32BE(encoding, 4);
    this.view.send(...encodings);
  }

  /** What the guest copies next. */
  async copied(): Promise<string> {
    for (;;) {
      const { flags, data } = await this.next();
      if (flags & caps) this.say(caps | request | notify | provide | text, Buffer.alloc(4));
      else if (flags & notify && flags & text) this.say(request | text);
      else if (flags & provide) {
        const all = inflateSync(data, { finishFlush: 2 });
        return all.toString('utf8', 4, 4 + all.readUInt32BE(0)).replace(/\0$/, '');
      }
    }
  }

  /** Says that something was copied here; it is asked for when it is pasted. */
  offer(what: string): void {
    this.offered = what;
    this.say(notify | text);
  }

  /** Waits until it is asked for, and gives it. */
  async serve(): Promise<void> {
    while (!((await this.next()).flags & request));
    const bytes = Buffer.from(`${this.offered}\0`);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(bytes.length);
    this.say(provide | text, deflateSync(Buffer.concat([size, bytes])));
  }

  /** The next ServerCutText, which has a negative length in its extended form. */
  private async next(): Promise<{ flags: number; data: Buffer }> {
    const head = await this.view.take(8);
    if (head[0] !== 3) throw new Error(`message ${head[0]} came for the clipboard`);
    const length = head.readInt32BE(4);
    const body = await this.view.take(Math.abs(length));
    return length < 0 ? { flags: body.readUInt32BE(0), data: body.subarray(4) } : { flags: 0, data: body };
  }

  private say(flags: number, data = Buffer.alloc(0)): void {
    const head = Buffer.alloc(12);
    head.writeUInt8(6, 0);
    head.writeInt32BE(-(4 + data.length), 4);
    head.writeUInt32BE(flags, 8);
    this.view.send(...head, ...data);
  }
}

/**
 * A perl program that is a guest's spice-vdagent (spice-protocol, vd_agent.h): it copies `copied`, and prints what is
 * copied outside next. It holds no single quote, so that a shell takes it within two.
 */
export const vdagent = (copied: string) => String.raw`
open(my $p, "+<", "/dev/virtio-ports/com.redhat.spice.0") or die $!; binmode $p; my $in = "";
sub put { my ($type, $data) = @_; my $m = pack("LLQL", 1, $type, 0, length $data) . $data;
  syswrite($p, pack("LL", 1, length $m) . $m) or die $!; }
sub take { my $n = shift; while (length $in < $n) { my $got = sysread($p, my $more, 65536);
  if (!$got) { select(undef, undef, undef, 0.1); next } $in .= $more } return substr($in, 0, $n, ""); }
put(6, pack("LL", 0, 1 << 5)); put(7, pack("L", 1));
while (1) { my (undef, $size) = unpack("LL", take(8)); my (undef, $type, undef, $len) = unpack("LLQL", my $m = take($size));
  if ($type == 8) { put(4, pack("L", 1) . "${copied}") }
  elsif ($type == 7) { put(8, pack("L", 1)) }
  elsif ($type == 4) { print substr($m, 24, $len - 4) =~ s/\0+$//r; exit } }
`;
