/** A plain verdict about one thing of this machine. */
export interface Verdict {
  readonly id: string;
  /** e.g. "Processor" */
  readonly title: string;
  readonly status: 'ok' | 'warning' | 'bad' | 'unknown';
  /** One sentence. */
  readonly summary: string;
  /** What to do, when there is something to do. */
  readonly todo: string | null;
  /** A command that does it, to copy. */
  readonly command: string | null;
}

export interface ProgramStatus {
  readonly name: string;
  /** What Guesthouse needs it for. */
  readonly purpose: string;
  readonly path: string | null;
  readonly version: string | null;
  /** Debian package that brings it. */
  readonly package: string;
  readonly required: boolean;
}

/** What was found when KVM was tried with a real 64-bit guest. */
export interface AcceleratorReport {
  /** What guests will run under. */
  readonly chosen: 'kvm' | 'tcg';
  /** `trying`: the trial is under way; ask again with `wait`. `untried`: there is no QEMU to try it with. */
  readonly kvm: 'works' | 'absent' | 'no-permission' | 'unusable' | 'trying' | 'untried';
  /** One sentence. */
  readonly why: string;
  /** Milliseconds since the epoch of the trial. */
  readonly triedAt: number;
}

export interface HostReport {
  readonly cpu: {
    readonly vendor: string;
    readonly model: string;
    readonly threads: number;
    /** `vmx`, `svm` or null. */
    readonly virtualization: 'vmx' | 'svm' | null;
  };
  /** Bytes. */
  readonly memory: { readonly total: number; readonly available: number };
  /** Bytes, of the file system that holds the library. */
  readonly disk: { readonly path: string; readonly total: number; readonly free: number };
  readonly qemu: { readonly version: string | null };
  readonly accelerator: AcceleratorReport;
  readonly verdicts: readonly Verdict[];
  readonly programs: readonly ProgramStatus[];
}
