import {
  ArrowDown,
  ArrowUp,
  Dices,
  FolderOpen,
  ListOrdered,
  Monitor,
  ShieldCheck,
  Timer,
  Usb,
  Volume2,
} from 'lucide-react';
import { type ReactElement, useState } from 'react';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Select } from '../../ui/Select.tsx';
import css from './hardware.module.css';
import { Apply, Row, useBench } from './rows.tsx';

const options = <T extends string>(words: Readonly<Record<T, string>>) =>
  (Object.keys(words) as T[]).map((id) => ({ id, label: words[id] }));

const videoWords = {
  virtio: 'virtio: any size, needs a driver',
  vga: 'VGA: known to every system',
  qxl: 'QXL',
  cirrus: 'Cirrus: for very old systems',
  bochs: 'Bochs: plain frame buffer',
  none: 'None',
} as const;

export function ScreenRow() {
  const bench = useBench();
  const { view } = bench;
  const { screen, video, clipboard } = view.wanted;
  const [chosen, setChosen] = useState(video ?? 'none');
  const [on, setOn] = useState(screen);
  const words = [video === null ? 'no video card' : `${video} video card`, !screen && 'not shown'];
  const change: HardwareChangeInput = {
    do: 'display',
    ...(on === screen ? {} : { screen: on }),
    ...(chosen === (video ?? 'none') ? {} : { video: chosen as keyof typeof videoWords }),
  };
  return (
    <Row part="display" icon={<Monitor size={16} />} name="Screen" summary={words.filter(Boolean).join(', ')}>
      <Select
        label="Video card"
        value={chosen}
        onChange={setChosen}
        groups={[{ title: 'Video card', options: options(videoWords) }]}
      />
      <Checkbox checked={on} onChange={setOn}>
        Show its screen in the window
      </Checkbox>
      <Apply change={change} live={false} disabled={Object.keys(change).length === 1} />
      {screen && (
        <>
          <Checkbox checked={clipboard} onChange={(next) => void bench.change({ do: 'clipboard', on: next })}>
            Tie its clipboard to the screen’s
          </Checkbox>
          <p className={css.note}>
            Needs spice-vdagent inside. Text crosses only when you say so, in the screen’s menu. Saving the
            guest unties it until its next start.
          </p>
        </>
      )}
    </Row>
  );
}

/** Devices that are there or not, with a model to choose. */
export function SmallRows() {
  const bench = useBench();
  const { sound, tpm, rng, watchdog, usb, folders } = bench.view.wanted;
  return (
    <>
      {sound !== null && (
        <Choose
          part="sound"
          icon={<Volume2 size={16} />}
          name="Sound"
          value={sound}
          words={{ ich9: 'Intel HD Audio (ICH9)', ich6: 'Intel HD Audio (ICH6)', ac97: 'AC’97', usb: 'USB' }}
          set={(model) => ({ do: 'sound', model })}
        />
      )}
      {tpm !== null && (
        <Choose
          part="tpm"
          icon={<ShieldCheck size={16} />}
          name="TPM 2.0"
          value={tpm}
          words={{ 'tpm-crb': 'CRB: for today’s systems', 'tpm-tis': 'TIS: for older ones' }}
          set={(model) => ({ do: 'tpm', model })}
        />
      )}
      {rng && (
        <Row part="rng" icon={<Dices size={16} />} name="Random numbers" summary="virtio">
          <RemoveButton change={{ do: 'rng', on: false }} />
        </Row>
      )}
      {watchdog !== null && <WatchdogRow model={watchdog.model} action={watchdog.action} />}
      {usb.map(({ vendor, product }) => {
        const id = `${hex(vendor)}:${hex(product)}`;
        return (
          <Row key={id} part={`usb:${id}`} icon={<Usb size={16} />} name="USB device" summary={id}>
            <p className={css.note}>While the guest has it, this computer does not.</p>
            <RemoveButton change={{ do: 'remove-usb', vendor, product }} />
          </Row>
        );
      })}
      {folders.map((folder) => (
        <Row
          key={folder.tag}
          part={`folder:${folder.tag}`}
          icon={<FolderOpen size={16} />}
          name="Shared folder"
          summary={`${folder.tag}: ${folder.path}${folder.readonly ? ', read-only' : ''}`}
        >
          {folder.driver === 'virtiofs' ? (
            <p className={css.note}>
              Not shared: the XML asks for virtiofs, and only 9p is offered. Remove it, and add the folder
              anew.
            </p>
          ) : (
            <>
              <p className={css.note}>In the guest, as root:</p>
              <code className="mono selectable">
                mount -t 9p -o trans=virtio,version=9p2000.L {folder.tag} /mnt
              </code>
            </>
          )}
          <RemoveButton change={{ do: 'remove-folder', tag: folder.tag }} />
        </Row>
      ))}
    </>
  );
}

const hex = (value: number) => value.toString(16).padStart(4, '0');

function RemoveButton({ change }: { change: HardwareChangeInput }) {
  const bench = useBench();
  return (
    <div className={css.buttons}>
      <Button size="small" isDisabled={bench.busy} onPress={() => void bench.change(change)}>
        Remove
      </Button>
    </div>
  );
}

function Choose<T extends string>({
  part,
  icon,
  name,
  value,
  words,
  set,
}: {
  part: string;
  icon: ReactElement;
  name: string;
  value: string;
  words: Readonly<Record<T, string>>;
  set: (value: T | null) => HardwareChangeInput;
}) {
  const bench = useBench();
  return (
    <Row part={part} icon={icon} name={name} summary={words[value as T] ?? value}>
      <Select
        label="Model"
        value={value}
        onChange={(id) => void bench.change(set(id as T))}
        groups={[{ title: name, options: options(words) }]}
      />
      <RemoveButton change={set(null)} />
    </Row>
  );
}

const actionWords = {
  reset: 'Reset it',
  shutdown: 'Ask it to shut down',
  poweroff: 'Force it off',
  pause: 'Pause it',
  none: 'Nothing',
} as const;

function WatchdogRow({ model, action }: { model: string; action: string }) {
  const bench = useBench();
  const set = (next: { model?: string; action?: string }) =>
    void bench.change({
      do: 'watchdog',
      model: (next.model ?? model) as 'i6300esb',
      action: (next.action ?? action) as 'reset',
    });
  return (
    <Row part="watchdog" icon={<Timer size={16} />} name="Watchdog" summary={`${model}, ${action}`}>
      <p className={css.note}>
        A program inside must call it regularly; when it no longer does, this happens.
      </p>
      <div className={css.pair}>
        <Select
          label="When the guest hangs"
          value={action}
          onChange={(id) => set({ action: id })}
          groups={[{ title: 'Action', options: options(actionWords) }]}
        />
        <Select
          label="Model"
          value={model}
          onChange={(id) => set({ model: id })}
          groups={[{ title: 'Model', options: options({ i6300esb: 'Intel 6300ESB', ib700: 'iBASE 700' }) }]}
        />
      </div>
      <RemoveButton change={{ do: 'watchdog', model: null }} />
    </Row>
  );
}

/** What it boots from: in order, each on or off. */
export function BootRow() {
  const bench = useBench();
  const { bootOrder, disks, nics, kernel, firmware } = bench.view.wanted;
  const all = [
    ...disks.map((disk) => ({
      key: disk.target,
      label: `${disk.device === 'cdrom' ? 'CD drive' : 'Disk'} ${disk.target}`,
    })),
    ...nics.flatMap((nic, i) => (nic.mac === null ? [] : [{ key: nic.mac, label: `Network card ${i + 1}` }])),
  ];
  const rank = (key: string) => (bootOrder.includes(key) ? bootOrder.indexOf(key) : bootOrder.length);
  const sorted = [...all].sort((a, b) => rank(a.key) - rank(b.key));
  const set = (order: readonly string[]) => void bench.change({ do: 'boot-order', order: [...order] });
  const move = (key: string, by: number) => {
    const order = [...bootOrder];
    const at = order.indexOf(key);
    order.splice(at, 1);
    order.splice(at + by, 0, key);
    set(order);
  };
  const first = all.find(({ key }) => key === bootOrder[0])?.label;
  const how = kernel !== null ? 'its kernel, directly' : firmware === 'uefi' ? 'UEFI' : 'BIOS';
  return (
    <Row
      part="order"
      icon={<ListOrdered size={16} />}
      name="Boots"
      summary={kernel !== null ? how : `${first ?? 'from nothing'}, by ${how}`}
    >
      {kernel !== null && (
        <p className={css.note}>
          Its kernel is given from outside, so no boot loader is asked. The order counts without it.
        </p>
      )}
      {sorted.map(({ key, label }) => {
        const at = bootOrder.indexOf(key);
        return (
          <div key={key} className={css.line}>
            <Checkbox
              checked={at !== -1}
              onChange={(on) => set(on ? [...bootOrder, key] : bootOrder.filter((each) => each !== key))}
            >
              {label}
            </Checkbox>
            <IconButton
              size="small"
              icon={<ArrowUp size={14} />}
              label={`${label}: earlier`}
              isDisabled={at <= 0 || bench.busy}
              onPress={() => move(key, -1)}
            />
            <IconButton
              size="small"
              icon={<ArrowDown size={14} />}
              label={`${label}: later`}
              isDisabled={at === -1 || at === bootOrder.length - 1 || bench.busy}
              onPress={() => move(key, 1)}
            />
          </div>
        );
      })}
    </Row>
  );
}
