import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { exitProgram, tarOf } from '../containers/tiny-image.ts';

/** A registry of one image whose program ends at once; it speaks the distribution API (/v2/) over plain HTTP. */
export interface TestRegistry {
  /** `127.0.0.1:PORT/some/app:1` */
  readonly image: string;
  /** Requests for the layer so far. */
  readonly layerRequests: () => number;
  /** How it hands out the layer from now on: whole, cut in the middle, or half and then nothing more. */
  serve(how: 'whole' | 'cut' | 'stall'): void;
  /** Writes a registries.conf(5) that lets podman use it. */
  trust(file: string): void;
  close(): Promise<void>;
}

const digest = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

export async function testRegistry(arch: string): Promise<TestRegistry> {
  const tar = tarOf([
    { name: 'exit', mode: 0o755, data: exitProgram(arch)! },
    // Does not compress, so that half of the layer is more than one buffer.
    {
      name: 'ballast',
      mode: 0o644,
      data: Buffer.concat(
        Array.from({ length: 20_000 }, (_, i) => createHash('sha256').update(String(i)).digest()),
      ),
    },
  ]);
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: arch,
      os: 'linux',
      config: { Cmd: ['/exit'] },
      rootfs: { type: 'layers', diff_ids: [digest(tar)] },
    }),
  );
  const type = 'application/vnd.oci.image';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${type}.manifest.v1+json`,
      config: { mediaType: `${type}.config.v1+json`, digest: digest(config), size: config.length },
      layers: [{ mediaType: `${type}.layer.v1.tar+gzip`, digest: digest(layer), size: layer.length }],
    }),
  );
  let how: 'whole' | 'cut' | 'stall' = 'whole';
  let asked = 0;
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    const send = (contentType: string, body: Buffer) => {
      response.writeHead(200, {
        'Content-Type': contentType,
        'Content-Length': body.length,
        'Docker-Content-Digest': digest(body),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (/^\/v2\/?$/.test(url)) send('application/json', Buffer.from('{}'));
    else if (url.includes('/manifests/')) send(`${type}.manifest.v1+json`, manifest);
    else if (url.endsWith(digest(config))) send('application/octet-stream', config);
    else if (url.endsWith(digest(layer))) {
      asked++;
      if (how === 'whole') return send('application/octet-stream', layer);
      response.writeHead(200, { 'Content-Length': layer.length });
      response.write(layer.subarray(0, layer.length / 2), () => {
        if (how === 'cut') response.destroy();
      });
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const location = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    image: `${location}/some/app:1`,
    layerRequests: () => asked,
    serve: (next) => {
      how = next;
    },
    trust: (file) => writeFileSync(file, `[[registry]]\nlocation = "${location}"\ninsecure = true\n`),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
