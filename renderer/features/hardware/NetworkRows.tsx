import { ArrowRightLeft, Network, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import type { HardwareNic } from '../../../shared/model/hardware.ts';
import { useNetworks } from '../../stores/networks.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { Select } from '../../ui/Select.tsx';
import css from './hardware.module.css';
import { Apply, Row, useBench } from './rows.tsx';

const models = ['virtio', 'e1000e', 'e1000', 'rtl8139', 'vmxnet3'] as const;
type Model = (typeof models)[number];
const modelWords: Readonly<Record<Model, string>> = {
  virtio: 'virtio: fastest',
  e1000e: 'Intel e1000e',
  e1000: 'Intel e1000: for older systems',
  rtl8139: 'Realtek 8139: for very old systems',
  vmxnet3: 'VMware vmxnet3',
};
type NicType = 'user' | 'network' | 'bridge';
const typeWords: Readonly<Record<NicType, string>> = {
  user: 'Its own, behind this computer',
  network: 'A shared network',
  bridge: 'A bridge of this computer',
};

export function NicRow({ nic, index }: { nic: HardwareNic; index: number }) {
  const { view } = useBench();
  const where = nic.type === 'user' ? 'own network' : `${nic.type} ${nic.source ?? '?'}`;
  const words = [
    where,
    nic.model,
    view.wanted.restrict && nic.type === 'user' && 'cut off',
    !nic.linkUp && 'cable out',
  ];
  return (
    <Row
      part={`nic:${nic.mac ?? index}`}
      icon={<Network size={16} />}
      name={`Network card ${index + 1}`}
      summary={words.filter(Boolean).join(', ')}
    >
      {nic.mac === null ? (
        <p className={css.note}>Its XML names no address. Give it one in the XML to edit it here.</p>
      ) : (
        <NicForm key={JSON.stringify(nic)} nic={nic} mac={nic.mac} />
      )}
    </Row>
  );
}

function NicForm({ nic, mac }: { nic: HardwareNic; mac: string }) {
  const bench = useBench();
  const { restrict } = bench.view.wanted;
  const [newMac, setMac] = useState(mac);
  const [model, setModel] = useState((nic.model ?? 'rtl8139') as Model);
  const [type, setType] = useState((nic.type in typeWords ? nic.type : 'user') as NicType);
  const [source, setSource] = useState(nic.source ?? '');
  const [linkUp, setLink] = useState(nic.linkUp);
  const known = (models as readonly string[]).includes(nic.model ?? '') ? models : [model, ...models];
  const change: HardwareChangeInput = {
    do: 'edit-nic',
    mac,
    ...(newMac.trim().toLowerCase() === mac ? {} : { newMac: newMac.trim() }),
    ...(model === nic.model ? {} : { model }),
    ...(type === nic.type ? {} : { type }),
    ...(type !== 'user' && source !== (nic.source ?? '') ? { source } : {}),
    ...(linkUp === nic.linkUp ? {} : { linkUp }),
  };
  const fields = Object.keys(change).length - 2;
  return (
    <>
      <div className={css.pair}>
        <Select
          label="Model"
          value={model}
          onChange={(id) => setModel(id as Model)}
          groups={[{ title: 'Card', options: known.map((id) => ({ id, label: modelWords[id] ?? id })) }]}
        />
        <TextField
          label="MAC address"
          value={newMac}
          onChange={setMac}
          mono
          problem={
            /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(newMac.trim()) ? null : 'Like 52:54:00:12:34:56.'
          }
        />
      </div>
      <NetworkChoice type={type} source={source} onType={setType} onSource={setSource} />
      <Checkbox checked={linkUp} onChange={setLink}>
        Cable plugged in
      </Checkbox>
      {nic.type === 'user' && (
        <Checkbox
          checked={restrict}
          onChange={(on) => void bench.change({ do: 'restrict', on })}
          hint="It reaches neither this computer nor the network; only its ports lead in. For all its own networks, from the next start."
        >
          Cut off
        </Checkbox>
      )}
      <Apply
        change={change}
        live={fields === 0 || (fields === 1 && linkUp !== nic.linkUp)}
        disabled={fields === 0}
      >
        <Button
          size="small"
          isDisabled={bench.busy}
          onPress={() => void bench.change({ do: 'remove-nic', mac })}
        >
          Remove
        </Button>
      </Apply>
    </>
  );
}

function NetworkChoice({
  type,
  source,
  onType,
  onSource,
}: {
  type: NicType;
  source: string;
  onType: (type: NicType) => void;
  onSource: (source: string) => void;
}) {
  const networks = useNetworks((state) => state.all);
  return (
    <>
      <Select
        label="Network"
        value={type}
        onChange={(id) => {
          onType(id as NicType);
          if (id === 'network' && !networks.some(({ name }) => name === source))
            onSource(networks[0]?.name ?? '');
        }}
        groups={[
          {
            title: 'Network',
            options: (Object.keys(typeWords) as NicType[]).map((id) => ({ id, label: typeWords[id] })),
          },
        ]}
      />
      {type === 'bridge' && <TextField label="Bridge" value={source} onChange={onSource} placeholder="br0" />}
      {type === 'network' && (
        <Select
          label="Shared network"
          value={source}
          onChange={onSource}
          groups={[
            {
              title: 'Networks',
              options: networks.map(({ name, subnet }) => ({ id: name, label: `${name} (${subnet})` })),
            },
            {
              title: 'Not here',
              options: networks.some(({ name }) => name === source)
                ? []
                : [{ id: source, label: source === '' ? 'Choose one' : `${source}: no such network` }],
            },
          ]}
        />
      )}
    </>
  );
}

export function ForwardsRow() {
  const { view } = useBench();
  const { forwards } = view.wanted;
  const words = forwards.map(
    ({ hostPort, guestPort, proto }) => `${hostPort} → ${guestPort}${proto === 'udp' ? '/udp' : ''}`,
  );
  return (
    <Row
      part="forwards"
      icon={<ArrowRightLeft size={16} />}
      name="Ports"
      summary={words.length > 0 ? words.join(', ') : 'none lead in'}
    >
      <ForwardsForm />
    </Row>
  );
}

function ForwardsForm() {
  const bench = useBench();
  const [hostPort, setHost] = useState(8080);
  const [guestPort, setGuest] = useState(80);
  const [proto, setProto] = useState<'tcp' | 'udp'>('tcp');
  return (
    <>
      <p className={css.note}>
        Ports of this computer that lead into the guest. Only programs on this computer reach them.
      </p>
      {bench.view.wanted.forwards.map((forward) => (
        <div key={`${forward.proto}${forward.hostPort}`} className={css.line}>
          <span className="mono selectable">
            127.0.0.1:{forward.hostPort} → {forward.guestPort}/{forward.proto}
            {forward.ssh && <span className="muted"> used by SSH</span>}
          </span>
          <IconButton
            size="small"
            icon={<Trash2 size={14} />}
            label={`Remove port ${forward.hostPort}`}
            isDisabled={bench.busy}
            onPress={() =>
              void bench.change({ do: 'remove-forward', proto: forward.proto, hostPort: forward.hostPort })
            }
          />
        </div>
      ))}
      <div className={css.three}>
        <NumberField label="Here" value={hostPort} onChange={setHost} min={1} max={65535} />
        <NumberField label="In the guest" value={guestPort} onChange={setGuest} min={1} max={65535} />
        <Select
          label="Protocol"
          value={proto}
          onChange={(id) => setProto(id as 'tcp' | 'udp')}
          groups={[
            {
              title: 'Protocol',
              options: [
                { id: 'tcp', label: 'TCP' },
                { id: 'udp', label: 'UDP' },
              ],
            },
          ]}
        />
      </div>
      <div className={css.buttons}>
        <Button
          look="primary"
          size="small"
          isDisabled={bench.busy}
          onPress={() => void bench.change({ do: 'add-forward', proto, hostPort, guestPort })}
        >
          Add the port
        </Button>
        {bench.view.running && <span className={css.when}>Takes effect now.</span>}
      </div>
    </>
  );
}
