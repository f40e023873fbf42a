import { Cpu, MemoryStick } from 'lucide-react';
import { useState } from 'react';
import type { HardwareChangeInput } from '../../../shared/ipc/hardware.ts';
import type { Hardware } from '../../../shared/model/hardware.ts';
import { Checkbox } from '../../ui/Choice.tsx';
import { Disclosure } from '../../ui/Disclosure.tsx';
import { NumberField, TextField } from '../../ui/Field.tsx';
import { counted, mebibytes } from '../../ui/format.ts';
import { Select } from '../../ui/Select.tsx';
import css from './hardware.module.css';
import { Apply, Row, useBench } from './rows.tsx';

type Mode = Hardware['cpu']['mode'];

const modeWords: Readonly<Record<Mode, string>> = {
  host: 'This computer’s, or all QEMU can emulate',
  model: 'A named model',
  default: 'QEMU’s plain default',
};

export function ProcessorRow() {
  const { view } = useBench();
  const { cpu } = view.wanted;
  const words = [
    counted(cpu.count, 'processor'),
    cpu.max > cpu.count && `up to ${cpu.max} while it runs`,
    cpu.mode === 'model' ? cpu.model : null,
    cpu.topology && `${cpu.topology.sockets} × ${cpu.topology.cores} × ${cpu.topology.threads}`,
  ];
  return (
    <Row part="cpu" icon={<Cpu size={16} />} name="Processors" summary={words.filter(Boolean).join(', ')}>
      <ProcessorForm key={JSON.stringify(cpu)} cpu={cpu} />
    </Row>
  );
}

function ProcessorForm({ cpu }: { cpu: Hardware['cpu'] }) {
  const { view } = useBench();
  const [count, setCount] = useState(cpu.count);
  const [max, setMax] = useState(cpu.max);
  const [mode, setMode] = useState<Mode>(cpu.mode);
  const [model, setModel] = useState(cpu.model ?? '');
  const [topology, setTopology] = useState(cpu.topology);
  const most = Math.max(count, max);
  const product = topology ? topology.sockets * topology.cores * topology.threads : most;
  const live =
    view.running !== null &&
    most === cpu.max &&
    mode === cpu.mode &&
    JSON.stringify(topology) === JSON.stringify(cpu.topology) &&
    count <= view.running.cpu.max;
  const change: HardwareChangeInput = {
    do: 'cpu',
    ...(count === cpu.count ? {} : { count }),
    ...(most === cpu.max ? {} : { max: most }),
    ...(mode === cpu.mode && (mode !== 'model' || model === cpu.model) ? {} : { mode }),
    ...(mode === 'model' && model ? { model } : {}),
    ...(JSON.stringify(topology) === JSON.stringify(cpu.topology) ? {} : { topology }),
  };
  return (
    <>
      <div className={css.pair}>
        <NumberField
          label="Processors"
          value={count}
          onChange={setCount}
          min={1}
          max={256}
          problem={
            count > view.host.processors
              ? `This computer has ${view.host.processors}: more only makes it slower.`
              : null
          }
        />
        <NumberField label="Room for, while it runs" value={most} onChange={setMax} min={1} max={256} />
      </div>
      <Select
        label="Model"
        value={mode}
        onChange={(id) => setMode(id as Mode)}
        groups={[
          {
            title: 'Processor',
            options: (Object.keys(modeWords) as Mode[]).map((id) => ({ id, label: modeWords[id] })),
          },
        ]}
      />
      {mode === 'model' && (
        <TextField label="Name" value={model} onChange={setModel} mono placeholder="Skylake-Client" />
      )}
      <Disclosure title="Sockets, cores and threads" startsOpen={cpu.topology !== null}>
        <Checkbox
          checked={topology !== null}
          onChange={(on) => setTopology(on ? { sockets: 1, cores: most, threads: 1 } : null)}
          hint="Systems licensed by the socket want few sockets."
        >
          Say how they are laid out
        </Checkbox>
        {topology && (
          <div className={css.three}>
            {(['sockets', 'cores', 'threads'] as const).map((name) => (
              <NumberField
                key={name}
                label={name[0]!.toUpperCase() + name.slice(1)}
                value={topology[name]}
                onChange={(value) => setTopology({ ...topology, [name]: value })}
                min={1}
                max={256}
              />
            ))}
          </div>
        )}
        {product !== most && (
          <p className={css.note}>
            These make {product}, not {most}.
          </p>
        )}
      </Disclosure>
      <Apply change={change} live={live} disabled={Object.keys(change).length === 1 || product !== most} />
    </>
  );
}

export function MemoryRow() {
  const { view } = useBench();
  const { memory } = view.wanted;
  const held = memory.current < memory.max ? `, held to ${mebibytes(memory.current)}` : '';
  return (
    <Row
      part="memory"
      icon={<MemoryStick size={16} />}
      name="Memory"
      summary={`${mebibytes(memory.max)}${held}`}
    >
      <MemoryForm key={JSON.stringify(memory)} memory={memory} />
    </Row>
  );
}

function MemoryForm({ memory }: { memory: Hardware['memory'] }) {
  const { view } = useBench();
  const [max, setMax] = useState(memory.max);
  const [current, setCurrent] = useState(memory.current);
  const [balloon, setBalloon] = useState(memory.balloon);
  const follows = memory.current === memory.max && current === memory.current;
  const change: HardwareChangeInput = {
    do: 'memory',
    ...(max === memory.max ? {} : { max }),
    ...(follows || current === memory.current ? {} : { current: Math.min(current, max) }),
    ...(balloon === memory.balloon ? {} : { balloon }),
  };
  return (
    <>
      <div className={css.pair}>
        <NumberField
          label="Memory, MiB"
          value={max}
          onChange={setMax}
          min={64}
          max={4 << 20}
          step={64}
          problem={max > view.host.memory ? `This computer has ${mebibytes(view.host.memory)}.` : null}
        />
        {balloon && (
          <NumberField
            label="Held to, MiB"
            value={Math.min(follows ? max : current, max)}
            onChange={setCurrent}
            min={64}
            max={max}
            step={64}
          />
        )}
      </div>
      <Checkbox
        checked={balloon}
        onChange={setBalloon}
        hint="A virtio driver inside gives memory back to this computer, and takes it again."
      >
        Balloon
      </Checkbox>
      {view.balloonNow !== null && (
        <p className={css.note}>The balloon leaves it {mebibytes(view.balloonNow / 2 ** 20)} now.</p>
      )}
      <Apply
        change={change}
        live={max === memory.max && balloon === memory.balloon && view.running?.memory.balloon === true}
        disabled={Object.keys(change).length === 1}
      />
    </>
  );
}
