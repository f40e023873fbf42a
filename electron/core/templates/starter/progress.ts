/** Turns what mmdebstrap, apt and dpkg print into phases and a fraction. */

/** A step forward: the phase for people and how much of making the tree is done, 0 to 1. */
export interface TreeProgress {
  readonly phase: string;
  readonly fraction: number;
}

/** Bytes of apt's "29.7 MB" or "37.6 kB"; apt counts in thousands. */
export function aptBytes(number: string, unit: string): number {
  const scale: Record<string, number> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
  return Number(number.replaceAll(',', '')) * (scale[unit] ?? 1);
}

/**
 * Follows the output of one `mmdebstrap --verbose`, chunk by chunk. It runs apt twice: for the essential packages and
 * for the rest, so the second run takes the greater share.
 */
export class TreeProgressParser {
  private rest = '';
  private round = 0;
  private packages = 0;
  private bytes = 0;
  private got = 0;
  private gotBytes = 0;
  private unpacked = 0;
  private setUp = 0;
  private fraction = 0;

  constructor(private readonly report: (progress: TreeProgress) => void) {}

  push(chunk: string): void {
    const lines = (this.rest + chunk).split(/\r?\n/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  private line(line: string) {
    let match: RegExpExecArray | null;
    if (/^I: running apt-get update/.test(line)) this.tell('Resolving packages', 0.01);
    match = /^\d+ upgraded, (\d+) newly installed/.exec(line);
    if (match) {
      this.round++;
      this.packages = Number(match[1]);
      this.bytes = this.got = this.gotBytes = this.unpacked = this.setUp = 0;
      this.tell('Resolving packages', this.at(0));
      return;
    }
    match = /^Need to get (?:[\d.,]+ [kMG]?B\/)?([\d.,]+) ([kMG]?B) of archives/.exec(line);
    if (match) {
      this.bytes = aptBytes(match[1]!, match[2]!);
      return;
    }
    if (this.round === 0 || this.packages === 0) return;
    match = /^Get:\d+ .* \[([\d.,]+) ([kMG]?B)\]$/.exec(line);
    if (match) {
      this.got++;
      this.gotBytes += aptBytes(match[1]!, match[2]!);
      const done = this.bytes > 0 ? this.gotBytes / this.bytes : this.got / this.packages;
      this.tell(`Downloading packages ${this.upTo(this.got)}`, this.at(done / 3));
      return;
    }
    // apt unpacks and sets up in turns: each line says what is being done now.
    let doing: string;
    if (/^Unpacking /.test(line)) doing = `Unpacking packages ${this.upTo(++this.unpacked)}`;
    else if (/^Setting up /.test(line)) doing = `Installing packages ${this.upTo(++this.setUp)}`;
    else return;
    const done = Math.min(1, (this.unpacked + this.setUp) / (2 * this.packages));
    this.tell(doing, this.at(1 / 3 + (done * 2) / 3));
  }

  private upTo(count: number): string {
    return `${Math.min(count, this.packages)}/${this.packages}`;
  }

  /** Place of part `done` of this apt run within the whole. */
  private at(done: number): number {
    const base = 0.06; // of the time: fetching the lists of packages
    const first = 0.2; // the essential packages' share of what is left
    const left = 1 - base;
    const part = Math.min(1, Math.max(0, done));
    return this.round <= 1 ? base + left * first * part : base + left * (first + (1 - first) * part);
  }

  private tell(phase: string, fraction: number) {
    this.fraction = Math.max(this.fraction, fraction);
    this.report({ phase, fraction: this.fraction });
  }
}
