/** A system image that its vendor publishes for clouds, ready to run with cloud-init. */
export interface CloudImage {
  readonly id: string;
  readonly name: string;
  /** Where the image is. */
  readonly url: string;
  /** The vendor's list of checksums: the image is compared with what stands in it on the day of the download. */
  readonly checksums: { readonly url: string; readonly algorithm: 'sha256' | 'sha512' };
  /** The vendor's signature of that list; null when there is none. */
  readonly signature: {
    readonly url: string;
    /** Where its key is told, for a person. */
    readonly key: string;
    /** `apart`: a file of its own; `within`: the list is a signed text; `other`: of something else, and not checked here. */
    readonly form: 'apart' | 'within' | 'other';
    /** Files the key may be in, absolute: it is checked with gpgv(1) by the first that is there. */
    readonly keyrings: readonly string[];
  } | null;
  /** Whether gpgv and a keyring are here, so that the signature will be checked. */
  readonly signatureChecked: boolean;
  /** The image's own default user, who gets the keys. */
  readonly user: string;
  /** How its disk starts. */
  readonly firmware: 'bios' | 'uefi';
  /** True once it was downloaded from this address on this computer, and was what the vendor's list says. */
  readonly tried: boolean;
  /** In the cache already: its bytes, and when it was checked (milliseconds since the epoch). */
  readonly cached: { readonly bytes: number; readonly at: number } | null;
}
