import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CancelledError, GuesthouseError } from '../../../../shared/errors.ts';
import { readTextIfAny, syncDir, writeAtomic } from '../../platform/fs.ts';

export interface Download {
  readonly url: string;
  /** Where it will be; beside it is what came so far, `.part`, and what it is a part of, `.part.json`. */
  readonly target: string;
  readonly signal?: AbortSignal;
  /** Bytes so far, and in all where the server says. */
  readonly onProgress?: (done: number, total: number | null) => void;
  /** Waits between tries, milliseconds; as many tries as there are waits, and one. */
  readonly waits?: readonly number[];
}

/** Nothing a person wants to run is larger, and a server that never ends must not fill the disk. */
const most = 64 * 2 ** 30;

const unreachable = (url: string, why: string, cause?: unknown) =>
  new GuesthouseError('unreachable', `${new URL(url).host} did not give the file.`, {
    why,
    todo: 'Try again: what has come so far is kept, and the download goes on from there.',
    cause,
  });

/** A small file, such as a list or a signature. @throws {GuesthouseError} `unreachable` */
export async function fetchSmall(url: string, signal?: AbortSignal, largest = 4 << 20): Promise<Buffer> {
  const response = await request(url, {}, signal);
  if (!response.ok) throw unreachable(url, `It answered ${response.status} for ${url}.`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk as Uint8Array);
      size += (chunk as Uint8Array).length;
      if (size > largest) throw unreachable(url, `${url} is larger than a list of checksums is.`);
    }
  } catch (error) {
    if (signal?.aborted) throw new CancelledError();
    if (error instanceof GuesthouseError) throw error;
    throw unreachable(url, (error as Error).message, error);
  }
  return Buffer.concat(chunks);
}

/**
 * Downloads into `target.part`, going on where an earlier try stopped when the server still has the same file
 * (RFC 9110: Range with If-Range), and returns that path. A cut is tried again; cancelling removes what came.
 * @throws {GuesthouseError} `unreachable` (the part stays), `no-space`; cancelled
 */
export async function download(job: Download): Promise<string> {
  const part = `${job.target}.part`;
  const waits = job.waits ?? [500, 2000, 5000];
  try {
    for (let attempt = 0; ; attempt++)
      try {
        await once(job, part);
        return part;
      } catch (error) {
        const again =
          error instanceof GuesthouseError && error.code === 'unreachable' && attempt < waits.length;
        if (!again || /answered 4\d\d/.test(error.why ?? '')) throw error;
        await delay(waits[attempt], undefined, { signal: job.signal });
      }
  } catch (error) {
    if (job.signal?.aborted) {
      await forgetPart(job.target);
      throw new CancelledError();
    }
    throw error;
  }
}

export async function forgetPart(target: string): Promise<void> {
  for (const file of [`${target}.part`, `${target}.part.json`]) await fs.rm(file, { force: true });
}

interface Origin {
  readonly url: string;
  /** A strong entity tag or a date: what If-Range takes. */
  readonly validator: string;
}

async function once({ url, target, signal, onProgress }: Download, part: string): Promise<void> {
  const origin = await readOrigin(target);
  const have = origin?.url === url ? ((await fs.stat(part).catch(() => null))?.size ?? 0) : 0;
  const response = await request(
    url,
    have > 0 ? { range: `bytes=${have}-`, 'if-range': origin!.validator } : {},
    signal,
  );
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  const resumed = response.status === 206 && range !== null && Number(range[1]) === have && have > 0;
  if (response.status === 416 || (response.status === 206 && !resumed)) {
    // The part is longer than the file, or the server cannot count: begin anew at the next try.
    await response.body?.cancel();
    await forgetPart(target);
    throw unreachable(url, 'What came before does not fit what it has now.');
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw unreachable(url, `It answered ${response.status} for ${url}.`);
  }
  const begin = resumed ? have : 0;
  const length = response.headers.get('content-length');
  const total = length !== null && /^\d+$/.test(length) ? begin + Number(length) : null;
  const { bavail, bsize } = await fs.statfs(path.dirname(target));
  if ((total ?? 0) > most || (total ?? 0) - begin > bavail * bsize) {
    await response.body?.cancel();
    throw new GuesthouseError('no-space', 'There is not enough room for the download.', {
      why: `It has ${Math.ceil((total ?? 0) / 2 ** 20)} MiB; ${Math.floor((bavail * bsize) / 2 ** 20)} MiB are free.`,
      todo: 'Free some space and try again.',
    });
  }
  const tag = response.headers.get('etag');
  const validator = (tag?.startsWith('W/') ? null : tag) ?? response.headers.get('last-modified');
  if (!resumed) {
    await forgetPart(target);
    if (validator !== null)
      await writeAtomic(`${target}.part.json`, JSON.stringify({ url, validator } satisfies Origin));
  }
  const file = await fs.open(part, resumed ? 'a' : 'w', 0o600);
  let done = begin;
  try {
    for await (const chunk of response.body ?? []) {
      const bytes = chunk as Uint8Array;
      await file.write(bytes);
      done += bytes.length;
      if (done > most) throw new GuesthouseError('disk-refused', 'The download has no end.', { why: url });
      onProgress?.(done, total);
    }
    await file.sync();
  } catch (error) {
    if (signal?.aborted) throw new CancelledError();
    if (error instanceof GuesthouseError || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    throw unreachable(url, `The connection was cut after ${done} bytes.`, error);
  } finally {
    await file.close();
  }
  if (total !== null && done !== total)
    throw unreachable(url, `The connection was cut after ${done} of ${total} bytes.`);
}

async function readOrigin(target: string): Promise<Origin | null> {
  try {
    const value = JSON.parse((await readTextIfAny(`${target}.part.json`)) ?? 'null') as Origin | null;
    return typeof value?.url === 'string' && typeof value.validator === 'string' ? value : null;
  } catch {
    return null;
  }
}

/** Follows redirects; an https address never leads to one without. */
async function request(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      // A packed answer would make positions in the file mean nothing.
      headers: { 'accept-encoding': 'identity', ...headers },
      signal,
      redirect: 'follow',
    });
  } catch (error) {
    if (signal?.aborted) throw new CancelledError();
    const cause = (error as { cause?: { message?: string } }).cause;
    throw unreachable(url, cause?.message ?? (error as Error).message, error);
  }
  if (new URL(url).protocol === 'https:' && new URL(response.url).protocol !== 'https:') {
    await response.body?.cancel();
    throw new GuesthouseError('disk-refused', 'The download leads to an address without encryption.', {
      why: `${url} leads to ${response.url}.`,
    });
  }
  return response;
}

/** The checksum of a file, in lower-case hexadecimal. */
export async function checksumOfFile(
  file: string,
  algorithm: 'sha256' | 'sha512',
  signal?: AbortSignal,
): Promise<string> {
  const hash = createHash(algorithm);
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal }))
      hash.update(chunk as Buffer);
  } catch (error) {
    if (signal?.aborted) throw new CancelledError();
    throw error;
  }
  return hash.digest('hex');
}

/** The part becomes the file, for good. */
export async function keepPart(target: string): Promise<void> {
  await fs.rename(`${target}.part`, target);
  await fs.rm(`${target}.part.json`, { force: true });
  await syncDir(path.dirname(target));
}
