import { Disc3, HardDrive } from 'lucide-react';
import { useState } from 'react';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import type { DiskLimits, HardwareDisk } from '../../../shared/model/hardware.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { pickFile } from '../../bridge/files.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField } from '../../ui/Field.tsx';
import { bytes } from '../../ui/format.ts';
import { CopyText } from '../../ui/parts.tsx';
import { Select } from '../../ui/Select.tsx';
import css from './hardware.module.css';
import { Apply, Row, useBench } from './rows.tsx';

export const busOptions = ['virtio', 'sata', 'ide', 'scsi', 'usb'] as const;
type Bus = (typeof busOptions)[number];
const caches = {
  default: 'Usual: this computer’s cache, flushed when asked',
  none: 'None: straight to the disk',
  writethrough: 'Write through: each write reaches the disk',
  directsync: 'None, and each write reaches the disk',
  writeback: 'Write back',
  unsafe: 'Unsafe: flushes are ignored',
} as const;
type Cache = keyof typeof caches;

export const busWord = (bus: string) => (bus === 'virtio' ? 'virtio' : bus.toUpperCase());

export function DiskRow({ disk }: { disk: HardwareDisk }) {
  const { guest } = useBench();
  const size = guest.disks.find((each) => each.target === disk.target && each.file === disk.file);
  const limited = Object.values(disk.limits).some((limit) => limit !== null);
  const words = [
    size?.virtualSize && bytes(size.virtualSize),
    busWord(disk.bus),
    disk.readonly && 'read-only',
    disk.cache !== 'default' && `cache ${disk.cache}`,
    limited && 'limited',
  ];
  return (
    <Row
      part={`disk:${disk.target}`}
      icon={<HardDrive size={16} />}
      name={`Disk ${disk.target}`}
      summary={words.filter(Boolean).join(', ')}
    >
      <DiskForm
        key={JSON.stringify(disk)}
        disk={disk}
        size={size?.virtualSize ?? null}
        used={size?.allocatedSize ?? null}
      />
    </Row>
  );
}

const mb = 1e6;

function DiskForm({ disk, size, used }: { disk: HardwareDisk; size: number | null; used: number | null }) {
  const bench = useBench();
  const [bus, setBus] = useState(disk.bus as Bus);
  const [cache, setCache] = useState(disk.cache as Cache);
  const [discard, setDiscard] = useState(disk.discard);
  const [readonly, setReadonly] = useState(disk.readonly);
  const [limits, setLimits] = useState<DiskLimits>(disk.limits);
  const gib = size === null ? 1 : size / 2 ** 30;
  const [grown, setGrown] = useState(Math.ceil(gib));
  const [removing, setRemoving] = useState(false);
  const limitsChanged = JSON.stringify(limits) !== JSON.stringify(disk.limits);
  const change: HardwareChangeInput = {
    do: 'edit-disk',
    target: disk.target,
    ...(bus === disk.bus ? {} : { bus }),
    ...(cache === disk.cache ? {} : { cache }),
    ...(discard === disk.discard ? {} : { discard }),
    ...(readonly === disk.readonly ? {} : { readonly }),
    ...(limitsChanged ? { limits } : {}),
  };
  const fields = Object.keys(change).length - 2;
  return (
    <>
      {disk.file && <CopyText text={disk.file} label="path" write={writeClipboard} wrap />}
      {used !== null && <p className={css.note}>{bytes(used)} used on this computer.</p>}
      <Select
        label="Bus"
        value={bus}
        onChange={(id) => setBus(id as Bus)}
        groups={[{ title: 'Bus', options: busOptions.map((id) => ({ id, label: busWord(id) })) }]}
      />
      <Select
        label="Cache"
        value={cache}
        onChange={(id) => setCache(id as Cache)}
        groups={[
          {
            title: 'Cache',
            options: (Object.keys(caches) as Cache[]).map((id) => ({ id, label: caches[id] })),
          },
        ]}
      />
      <Checkbox
        checked={discard}
        onChange={setDiscard}
        hint="What the guest deletes and trims is freed here too."
      >
        Discard
      </Checkbox>
      <Checkbox checked={readonly} onChange={setReadonly}>
        Read-only
      </Checkbox>
      <Disclosure title="Limits" startsOpen={Object.values(disk.limits).some((limit) => limit !== null)}>
        <LimitFields limits={limits} onChange={setLimits} />
      </Disclosure>
      <Apply change={change} live={fields === 0 || (fields === 1 && limitsChanged)} disabled={fields === 0}>
        <Button size="small" onPress={() => setRemoving(true)} isDisabled={bench.busy}>
          Remove…
        </Button>
      </Apply>
      {disk.format !== null && size !== null && (
        <div className={css.pair}>
          <NumberField
            label="Grow to, GiB"
            value={grown}
            onChange={setGrown}
            min={Math.ceil(gib)}
            max={65536}
          />
          <div>
            <Button
              size="small"
              isDisabled={bench.busy || grown * 2 ** 30 <= size}
              onPress={() => void bench.change({ do: 'grow-disk', target: disk.target, size: grown })}
            >
              Grow the disk
            </Button>
          </div>
        </div>
      )}
      {removing && (
        <Confirm
          title={`Remove disk ${disk.target}?`}
          act="Remove the disk"
          dangerous={false}
          onClose={() => setRemoving(false)}
          onAct={() => {
            setRemoving(false);
            void bench.change({ do: 'remove-disk', target: disk.target });
          }}
        >
          <p>
            {bench.view.running
              ? 'Unmount it inside first: what the system has not written yet would be lost.'
              : 'The guest no longer has it from its next start on.'}{' '}
            Its file stays, and you can undo this.
          </p>
        </Confirm>
      )}
    </>
  );
}

function LimitFields({ limits, onChange }: { limits: DiskLimits; onChange: (limits: DiskLimits) => void }) {
  const fields = [
    ['totalBytes', 'Both, MB/s', mb],
    ['readBytes', 'Read, MB/s', mb],
    ['writeBytes', 'Written, MB/s', mb],
    ['totalIops', 'Both, requests/s', 1],
    ['readIops', 'Reads/s', 1],
    ['writeIops', 'Writes/s', 1],
  ] as const;
  return (
    <>
      <div className={css.three}>
        {fields.map(([key, label, unit]) => (
          <NumberField
            key={key}
            label={label}
            value={(limits[key] ?? 0) / unit}
            onChange={(value) => onChange({ ...limits, [key]: value > 0 ? Math.round(value * unit) : null })}
            min={0}
            max={1e6}
          />
        ))}
      </div>
      <p className={css.note}>
        0 is no limit. A limit for both and one for reads or writes exclude each other.
      </p>
    </>
  );
}

export function CdRow({ disk }: { disk: HardwareDisk }) {
  const bench = useBench();
  const name = disk.file?.split('/').at(-1);
  const put = async () => {
    try {
      const file = await pickFile(`A CD for ${bench.guest.name}`, ['iso', 'img'], 'CD images');
      if (file !== null) await bench.change({ do: 'medium', target: disk.target, file });
    } catch (error) {
      tellError(error);
    }
  };
  return (
    <Row
      part={`disk:${disk.target}`}
      icon={<Disc3 size={16} />}
      name={`CD drive ${disk.target}`}
      summary={`${name ?? 'empty'}, ${busWord(disk.bus)}`}
    >
      {disk.file && <CopyText text={disk.file} label="path" write={writeClipboard} wrap />}
      <div className={css.buttons}>
        <Button size="small" isDisabled={bench.busy} onPress={() => void put()}>
          {disk.file ? 'Change the CD…' : 'Put a CD in…'}
        </Button>
        {disk.file && (
          <Button
            size="small"
            isDisabled={bench.busy}
            onPress={() => void bench.change({ do: 'medium', target: disk.target, file: null })}
          >
            Eject
          </Button>
        )}
        <Button
          size="small"
          isDisabled={bench.busy}
          onPress={() => void bench.change({ do: 'remove-disk', target: disk.target })}
        >
          Remove the drive
        </Button>
      </div>
    </Row>
  );
}
