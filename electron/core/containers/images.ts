import { createReadStream } from 'node:fs';
import * as fs from 'node:fs/promises';
import { Transform } from 'node:stream';
import { GuesthouseError, isCancelled } from '../../../shared/errors.ts';
import type { HostFacts } from '../../../shared/model/container.ts';
import type { ImageSource } from '../../../shared/model/container-spec.ts';
import type { OperationContext } from '../operations/runner.ts';
import type { Engine } from './engine.ts';
import { pull } from './pull.ts';
import { busyboxTar, debianImage, debianTar } from './roots.ts';

/** Makes sure that an image is there and answers with its name. What had been there before stays if this fails. */
export async function prepareImage(
  engine: Engine,
  facts: HostFacts,
  source: ImageSource,
  cache: string,
  op: OperationContext,
): Promise<string> {
  switch (source.kind) {
    case 'local':
      return source.image;
    case 'pull':
      await pull(engine, source.image, op);
      return source.image;
    case 'tar':
      await importTar(engine, source.path, source.image, op);
      return source.image;
    case 'busybox': {
      if (engine.kind !== 'local' && facts.arch !== archHere())
        throw new GuesthouseError('unsupported', 'busybox of this computer does not run there.', {
          why: `That machine is ${facts.arch}, this one ${archHere()}.`,
        });
      op.phase('Making the root file system');
      const { image, tar } = await busyboxTar();
      if (!(await has(engine, image, op)))
        await engine.podman(['import', '--change=CMD ["/bin/sh"]', '-', image], {
          input: tar,
          signal: op.signal,
        });
      return image;
    }
    case 'debian': {
      const image = debianImage(source.packages, facts.arch);
      if (await has(engine, image, op)) return image;
      const tar = await debianTar(source.packages, facts.arch, cache, op);
      await importTar(engine, tar, image, op);
      return image;
    }
  }
}

const archHere = () => (process.arch === 'x64' ? 'amd64' : process.arch);

async function has(engine: Engine, image: string, op: OperationContext): Promise<boolean> {
  const { code } = await engine.podman(['image', 'exists', '--', image], {
    okCodes: [0, 1],
    signal: op.signal,
  });
  return code === 0;
}

/** Imports a tar of this computer; podman unpacks it, in a place of its own. */
async function importTar(engine: Engine, file: string, image: string, op: OperationContext): Promise<void> {
  const stat = await fs.stat(file).catch((cause) => {
    throw new GuesthouseError('not-found', 'That file is not there.', { why: file, cause });
  });
  if (!stat.isFile())
    throw new GuesthouseError('invalid-input', 'That is not a file.', {
      why: file,
      todo: 'Pack the folder: tar -C FOLDER -cf root.tar .',
    });
  op.phase(engine.kind === 'local' ? 'Importing the root file system' : 'Sending the root file system');
  const stream = createReadStream(file, { highWaterMark: 1 << 20 });
  let sent = 0;
  // Counted on its way, not by a listener: that would begin to read before the connection stands, and lose the beginning.
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      op.progress(stat.size === 0 ? null : (0.95 * sent) / stat.size);
      done(null, chunk);
    },
  });
  stream.on('error', (error) => counted.destroy(error));
  stream.pipe(counted);
  try {
    await engine.podman(['import', '--change=CMD ["/bin/sh"]', '-', image], {
      input: counted,
      signal: op.signal,
    });
  } catch (error) {
    if (isCancelled(error) || !(error instanceof GuesthouseError)) throw error;
    if (
      /invalid tar header|unexpected EOF|not a valid|archive\/tar|gzip:|exit status 1/i.test(
        error.detail ?? '',
      )
    )
      throw new GuesthouseError('invalid-input', 'That file is no root file system.', {
        why: 'podman could not unpack it as a tar.',
        detail: error.detail,
        todo: 'Give a tar (it may be compressed) whose top folder is /: tar -C FOLDER -cf root.tar .',
        cause: error,
      });
    throw error;
  } finally {
    stream.destroy();
  }
}
