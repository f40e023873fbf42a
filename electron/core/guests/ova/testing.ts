import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar-stream';

export interface OvfParts {
  readonly name?: string;
  readonly disks?: readonly {
    readonly file: string | null;
    readonly capacity: string;
    readonly units?: string;
    readonly compression?: string;
  }[];
  /** Goes into the hardware section. */
  readonly more?: string;
}

/** A descriptor as VMware and VirtualBox write them. */
export function ovfText({ name = 'old-server', disks = [], more = '' }: OvfParts): string {
  const files = disks.map(({ file, compression }, i) =>
    file === null
      ? ''
      : `<File ovf:id="file${i}" ovf:href="${file}" ovf:size="1"${compression ? ` ovf:compression="${compression}"` : ''}/>`,
  );
  const described = disks.map(
    ({ file, capacity, units }, i) =>
      `<Disk ovf:diskId="vmdisk${i}"${file === null ? '' : ` ovf:fileRef="file${i}"`} ovf:capacity="${capacity}"${units ? ` ovf:capacityAllocationUnits="${units}"` : ''} ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`,
  );
  const item = (type: number, inner: string) =>
    `<Item><rasd:InstanceID>${type}</rasd:InstanceID><rasd:ResourceType>${type}</rasd:ResourceType>${inner}</Item>`;
  const drives = disks.map((_, i) => item(17, `<rasd:HostResource>ovf:/disk/vmdisk${i}</rasd:HostResource>`));
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>${files.join('')}</References>
  <DiskSection><Info>Disks</Info>${described.join('')}</DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="nat"/></NetworkSection>
  <VirtualSystem ovf:id="vm"><Info>A machine</Info><Name>${name}</Name>
    <OperatingSystemSection ovf:id="96"><Info>The system</Info><Description>Debian GNU/Linux 12 (64-bit)</Description></OperatingSystemSection>
    <VirtualHardwareSection><Info>Hardware</Info>
      ${item(3, '<rasd:VirtualQuantity>2</rasd:VirtualQuantity>')}
      ${item(4, '<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>2048</rasd:VirtualQuantity>')}
      ${item(5, '')}${item(15, '')}
      ${drives.join('')}
      ${item(10, '<rasd:ResourceSubType>E1000</rasd:ResourceSubType>')}
      ${more}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** An entry of a tar archive, as hostile as a test wants it. */
export interface Entry {
  readonly name: string;
  readonly content?: string | Buffer;
  readonly type?: tar.Header['type'];
  readonly linkname?: string;
}

/** Writes a tar archive. */
export async function writeTar(file: string, entries: readonly Entry[]): Promise<string> {
  const pack = tar.pack();
  for (const { name, content = '', type = 'file', linkname } of entries)
    pack.entry({ name, type, ...(linkname === undefined ? {} : { linkname }) }, content);
  pack.finalize();
  await pipeline(pack as unknown as NodeJS.ReadableStream, createWriteStream(file));
  return file;
}
