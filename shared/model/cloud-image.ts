/** A system image that its vendor publishes for clouds, ready to run with cloud-init. */
export interface CloudImage {
  readonly id: string;
  readonly name: string;
  /** Where the image is. */
  readonly url: string;
  /** The vendor's list of checksums: the image is compared with what stands in it on the day of the download. */
  readonly checksums: { readonly url: string; readonly algorithm: 'sha256' | 'sha512' };
  /** The vendor's signature of that list and where its key is told; for a person who wants to check it. */
  readonly signature: { readonly url: string; readonly key: string } | null;
  /** The image's own default user, who gets the keys. */
  readonly user: string;
  /** How its disk starts. */
  readonly firmware: 'bios' | 'uefi';
  /** True once a guest was made of it in the project's own tests. */
  readonly tried: boolean;
  /** In the cache already: its bytes, and when it was checked (milliseconds since the epoch). */
  readonly cached: { readonly bytes: number; readonly at: number } | null;
}
