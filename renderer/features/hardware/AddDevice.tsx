import { ChevronDown, Plus } from 'lucide-react';
import { useState } from 'react';
import type { HostUsbDevice } from '../../../shared/model/hardware.ts';
import { call } from '../../bridge/call.ts';
import { pickFile } from '../../bridge/files.ts';
import { tellError } from '../../stores/toasts.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox, Choice } from '../../ui/Choice.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { MenuButton, type MenuEntry } from '../../ui/Menu.tsx';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';
import { useAsked } from '../../ui/use-asked.ts';
import { busOptions, busWord } from './DiskRows.tsx';
import css from './hardware.module.css';
import { type Bench, useBench } from './rows.tsx';

type Asking = 'disk' | 'usb' | 'folder';

/** The menu of what can be added; what needs a word about it opens a dialog. */
export function AddDevice() {
  const bench = useBench();
  const [asking, setAsking] = useState<Asking | null>(null);
  const { wanted, host } = bench.view;
  const micro = wanted.kind === 'paravirtual';
  const entry = (id: string, label: string, run: () => void, more: Partial<MenuEntry> = {}): MenuEntry => ({
    id,
    label,
    run,
    ...more,
  });
  const entries: readonly MenuEntry[] = [
    entry('disk', 'Disk…', () => setAsking('disk')),
    entry('cd', 'CD drive', () => void bench.change({ do: 'add-disk', device: 'cdrom', source: null }), {
      disabled: micro,
    }),
    entry('nic', 'Network card', () => void bench.change({ do: 'add-nic' })),
    entry('folder', 'Shared folder…', () => setAsking('folder'), { apart: true }),
    entry('usb', 'USB device…', () => setAsking('usb'), { disabled: micro }),
    entry('sound', 'Sound card', () => void bench.change({ do: 'sound', model: 'ich9' }), {
      apart: true,
      disabled: micro || wanted.sound !== null,
    }),
    entry(
      'tpm',
      host.tpm ? 'TPM 2.0' : 'TPM 2.0 (needs swtpm)',
      () => void bench.change({ do: 'tpm', model: 'tpm-crb' }),
      {
        disabled: micro || wanted.tpm !== null || !host.tpm,
      },
    ),
    entry('rng', 'Random numbers', () => void bench.change({ do: 'rng', on: true }), {
      disabled: wanted.rng,
    }),
    entry('watchdog', 'Watchdog', () => void bench.change({ do: 'watchdog', model: 'i6300esb' }), {
      disabled: micro || wanted.watchdog !== null,
    }),
  ];
  return (
    <>
      <MenuButton
        label="Add a device"
        entries={entries}
        button={
          <Button size="small" data-testid={testIds.addDevice} isDisabled={bench.busy}>
            <Plus size={14} aria-hidden="true" />
            Add
            <ChevronDown size={14} aria-hidden="true" />
          </Button>
        }
      />
      {asking === 'disk' && <AddDisk onClose={() => setAsking(null)} bench={bench} />}
      {asking === 'usb' && <AddUsb onClose={() => setAsking(null)} bench={bench} />}
      {asking === 'folder' && <AddFolder onClose={() => setAsking(null)} bench={bench} />}
    </>
  );
}

interface Asked {
  readonly bench: Bench;
  readonly onClose: () => void;
}

function AddDisk({ bench, onClose }: Asked) {
  const kind = bench.view.wanted.kind;
  const [how, setHow] = useState<'new' | 'file'>('new');
  const [size, setSize] = useState(10);
  const [file, setFile] = useState('');
  const [bus, setBus] = useState<string>('usual');
  const choose = async () => {
    try {
      setFile((await pickFile('A disk image', ['qcow2', 'img', 'raw'], 'Disk images')) ?? file);
    } catch (error) {
      tellError(error);
    }
  };
  const add = async () => {
    const source = how === 'new' ? { newGiB: size } : { file };
    onClose();
    await bench.change({
      do: 'add-disk',
      source,
      ...(bus === 'usual' ? {} : { bus: bus as (typeof busOptions)[number] }),
    });
  };
  return (
    <Dialog
      title={`Add a disk to ${bench.guest.name}`}
      onClose={onClose}
      onSubmit={() => void add()}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={how === 'file' && !file.startsWith('/')}>
            Add the disk
          </Button>
        </>
      }
    >
      <Choice
        label="Disk"
        value={how}
        onChange={setHow}
        options={[
          { id: 'new', label: 'New and empty', hint: 'Takes room here only as it is written.' },
          {
            id: 'file',
            label: 'An image that is there',
            hint: 'Used where it is: the guest writes to this file.',
          },
        ]}
      />
      {how === 'new' ? (
        <NumberField label="Size, GiB" value={size} onChange={setSize} min={1} max={65536} />
      ) : (
        <div className={css.line}>
          <TextField label="Image" value={file} onChange={setFile} mono placeholder="/path/to/disk.qcow2" />
          <Button onPress={() => void choose()}>Choose…</Button>
        </div>
      )}
      <Select
        label="Bus"
        value={bus}
        onChange={setBus}
        groups={[
          {
            title: 'Bus',
            options: [
              { id: 'usual', label: `As a ${kind} guest has it` },
              ...busOptions.map((id) => ({ id, label: busWord(id) })),
            ],
          },
        ]}
        hint={
          bench.view.running
            ? 'virtio disks are there at once; SATA and IDE disks at the next start.'
            : 'virtio is fastest; SATA and IDE need no driver.'
        }
      />
    </Dialog>
  );
}

function AddUsb({ bench, onClose }: Asked) {
  const [found] = useAsked('usb', () => call('hardware.usbDevices'));
  const [chosen, setChosen] = useState<HostUsbDevice | null>(null);
  const devices = found.value ?? [];
  const name = (device: HostUsbDevice) => `${device.vendor}:${device.product}`;
  const add = async () => {
    if (!chosen) return;
    onClose();
    await bench.change({ do: 'add-usb', vendor: chosen.vendor, product: chosen.product, agreed: true });
  };
  return (
    <Dialog
      title={`Give a USB device to ${bench.guest.name}`}
      onClose={onClose}
      onSubmit={() => void add()}
      foot={
        <>
          <Button onPress={onClose}>{devices.length === 0 ? 'Close' : 'Cancel'}</Button>
          {devices.length > 0 && (
            <Button look="primary" type="submit" isDisabled={chosen === null}>
              Give it to the guest
            </Button>
          )}
        </>
      }
    >
      {found.status !== 'loading' && devices.length === 0 ? (
        <p>No USB device is plugged into this computer.</p>
      ) : (
        <>
          <p>While the guest has it, this computer does not. It comes back when the guest is off.</p>
          <Choice
            label="Device"
            value={chosen ? name(chosen) : ''}
            onChange={(id) => setChosen(devices.find((device) => name(device) === id) ?? null)}
            options={devices.map((device) => ({
              id: name(device),
              label: device.name,
              hint: device.usable ? undefined : 'You may not open it: a udev rule must allow it first.',
            }))}
          />
        </>
      )}
    </Dialog>
  );
}

function AddFolder({ bench, onClose }: Asked) {
  const [path, setPath] = useState('');
  const [tag, setTag] = useState('');
  const [write, setWrite] = useState(false);
  const name =
    tag || (path.split('/').filter(Boolean).at(-1) ?? '').replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 31);
  const valid = path.startsWith('/') && /^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/.test(name);
  const add = async () => {
    if (!valid) return;
    onClose();
    await bench.change({ do: 'add-folder', path, tag: name, readonly: !write, agreed: true });
  };
  return (
    <Dialog
      title={`Share a folder with ${bench.guest.name}`}
      onClose={onClose}
      onSubmit={() => void add()}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!valid}>
            Share this folder
          </Button>
        </>
      }
    >
      <TextField
        label="Folder of this computer"
        value={path}
        onChange={setPath}
        mono
        placeholder="/home/me/shared"
        hint="The guest sees everything in it, whoever is logged in there."
        autoFocus
      />
      <TextField
        label="Name in the guest"
        value={tag}
        onChange={setTag}
        mono
        placeholder={name || 'shared'}
      />
      <Checkbox checked={write} onChange={setWrite} hint="It can also change and delete them.">
        Let the guest write
      </Checkbox>
    </Dialog>
  );
}
