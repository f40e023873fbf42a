import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as z from 'zod';
import { GuesthouseError } from '../../../../shared/errors.ts';
import type { Started } from '../../../../shared/ipc/guests.ts';
import type { CloudImage } from '../../../../shared/model/cloud-image.ts';
import type { OperationContext, OperationRunner } from '../../operations/runner.ts';
import { makePrivateDir, readTextIfAny, writeAtomic } from '../../platform/fs.ts';
import type { LibraryPaths } from '../../platform/paths.ts';
import { type CloudSource, cloudCatalog } from './catalog.ts';
import { checksumOf } from './checksums.ts';
import { checksumOfFile, download, fetchSmall, forgetPart, keepPart } from './download.ts';
import { findKeyring, signedList } from './signature.ts';

export interface CloudDeps {
  readonly paths: LibraryPaths;
  readonly runner: OperationRunner;
  /** For tests; default {@link cloudCatalog}. */
  readonly cloudImages?: readonly CloudSource[];
}

/** The vendors' images: what there is, what is in the cache, and how one comes there. */
export class CloudImages {
  private readonly catalog: readonly CloudSource[];
  private readonly folder: string;
  private readonly triedFile: string;

  constructor(private readonly deps: CloudDeps) {
    this.catalog = deps.cloudImages ?? cloudCatalog;
    this.folder = path.join(deps.paths.cache, 'cloud');
    this.triedFile = path.join(this.folder, 'tried.json');
  }

  async list(): Promise<CloudImage[]> {
    const tried = await this.tried();
    return Promise.all(
      this.catalog.map(async (source) => {
        const stat = await fs.stat(this.fileOf(source)).catch(() => null);
        return {
          ...source,
          signatureChecked: (await this.keyringOf(source)) !== null,
          tried: tried[source.id] === source.url,
          cached: stat && { bytes: stat.size, at: stat.mtimeMs },
        };
      }),
    );
  }

  /** @throws {GuesthouseError} `not-found` */
  source(id: string): CloudSource {
    const found = this.catalog.find((one) => one.id === id);
    if (!found) throw new GuesthouseError('not-found', `There is no cloud image ${id}.`);
    return found;
  }

  fetch(id: string): Started {
    const source = this.source(id);
    const { operation, result } = this.deps.runner.start(
      { kind: 'cloud-image.fetch', title: `Downloading ${source.name}`, subject: id, lock: lockOf(id) },
      (op) => this.get(id, op),
    );
    result.catch(() => {});
    return { operation: operation.id };
  }

  async discard(id: string): Promise<void> {
    const source = this.source(id);
    await this.deps.runner.run(
      {
        kind: 'cloud-image.discard',
        title: `Removing ${source.name}`,
        subject: id,
        lock: lockOf(id),
        cancellable: false,
      },
      async () => {
        await forgetPart(this.fileOf(source));
        await fs.rm(this.fileOf(source), { force: true });
      },
    );
  }

  /**
   * The image's file, downloaded and compared with the vendor's list of checksums where it is not there yet.
   * @param part of the operation's progress that this is
   * @throws {GuesthouseError} `unreachable`, `no-space`, `disk-refused` when it is not what the list says; cancelled
   */
  async get(id: string, op: OperationContext, part = 1): Promise<string> {
    const source = this.source(id);
    const target = this.fileOf(source);
    if (await fs.stat(target).catch(() => null)) return target;
    await makePrivateDir(this.folder);
    op.phase('Asking for the vendor’s checksums');
    const file = decodeURIComponent(new URL(source.url).pathname.split('/').at(-1) ?? '');
    const { algorithm, url } = source.checksums;
    const expected = checksumOf(await this.listOf(source, op), file, algorithm);
    if (expected === null)
      throw new GuesthouseError('disk-refused', 'The vendor’s list of checksums does not name the image.', {
        why: `${url} has no single ${algorithm.toUpperCase()} for ${file}.`,
        todo: 'The vendor may have moved it: download the image by hand, and make the guest from the disk image.',
      });
    op.phase(`Downloading ${source.name}`);
    const got = await download({
      url: source.url,
      target,
      signal: op.signal,
      onProgress: (done, total) => op.progress(total === null ? null : (part * 0.95 * done) / total),
    });
    op.phase('Comparing it with the vendor’s checksum');
    const digest = await checksumOfFile(got, algorithm, op.signal);
    if (digest !== expected) {
      await forgetPart(target);
      throw new GuesthouseError('disk-refused', 'The download is not what the vendor published.', {
        why: `Its ${algorithm.toUpperCase()} is ${digest.slice(0, 16)}…; ${url} says ${expected.slice(0, 16)}….`,
        todo: 'It was removed. Try again; if it happens again, someone on the way changes it.',
      });
    }
    op.check();
    await keepPart(target);
    const tried = { ...(await this.tried()), [id]: source.url };
    await writeAtomic(this.triedFile, `${JSON.stringify(tried, null, 1)}\n`);
    return target;
  }

  /** The vendor's list of checksums; where its key is here, what that key has signed of it. */
  private async listOf(source: CloudSource, op: OperationContext): Promise<string> {
    const { checksums, signature } = source;
    const list = await fetchSmall(checksums.url, op.signal);
    const keyring = await this.keyringOf(source);
    if (keyring === null || signature === null) return list.toString('utf8');
    op.phase('Checking the vendor’s signature');
    const apart = signature.form === 'apart' ? await fetchSmall(signature.url, op.signal) : null;
    return (await signedList(list, apart, keyring, op.signal)).toString('utf8');
  }

  private async keyringOf({ signature }: CloudSource): Promise<string | null> {
    return signature && signature.form !== 'other' ? findKeyring(signature.keyrings) : null;
  }

  /** Addresses, by image, that gave what the vendor's list says. */
  private async tried(): Promise<Record<string, string>> {
    try {
      return z
        .record(z.string(), z.string())
        .parse(JSON.parse((await readTextIfAny(this.triedFile)) ?? '{}'));
    } catch {
      return {}; // an older or torn file tells nothing
    }
  }

  private fileOf({ id }: CloudSource): string {
    return path.join(this.folder, `${id}.img`);
  }
}

const lockOf = (id: string) => `cloud-image:${id}`;
