import { useState } from 'react';
import { toWire, type WireError } from '../../../shared/errors.ts';
import { networkDomainProblem, networkNameProblem, subnetProblem } from '../../../shared/model/network.ts';
import { call } from '../../bridge/call.ts';
import { writeClipboard } from '../../bridge/clipboard.ts';
import { choose } from '../../stores/chosen.ts';
import { useGuests } from '../../stores/guests.ts';
import { useNetworks } from '../../stores/networks.ts';
import { tellError } from '../../stores/toasts.ts';
import { useUi } from '../../stores/ui.ts';
import { Button } from '../../ui/Button.tsx';
import { Checkbox } from '../../ui/Choice.tsx';
import { Confirm, Dialog } from '../../ui/Dialog.tsx';
import { ErrorNote } from '../../ui/ErrorNote.tsx';
import { TextField } from '../../ui/Field.tsx';
import panes from '../../ui/panes.module.css';
import { Select } from '../../ui/Select.tsx';
import { testIds } from '../../ui/testids.ts';

const close = () => useUi.getState().close();

/** Makes a network, or changes the one of that name. */
export function NetworkDialog({ name: known }: { name: string | null }) {
  const networks = useNetworks((state) => state.all);
  const before = networks.find((one) => one.name === known);
  const [name, setName] = useState(known ?? '');
  const [subnet, setSubnet] = useState(() => before?.subnet ?? freeSubnet(networks.map((one) => one.subnet)));
  const [domain, setDomain] = useState(before?.domain ?? '');
  const [wayOut, setWayOut] = useState(before?.wayOut ?? true);
  const [reachHost, setReachHost] = useState(before?.reachHost ?? false);
  const [error, setError] = useState<WireError | null>(null);
  const [busy, setBusy] = useState(false);
  const wholeDomain = domain || `${name || 'name'}.internal`;
  const taken = known === null && networks.some((one) => one.name === name);
  const sameAddresses = networks.find((one) => one.subnet === subnet && one.name !== known);
  const wrong = {
    name: networkNameProblem(name) ?? (taken ? 'There is such a network already.' : null),
    subnet: subnetProblem(subnet) ?? (sameAddresses ? `${sameAddresses.name} has these already.` : null),
    domain: networkDomainProblem(wholeDomain),
  };
  const ready = !wrong.name && !wrong.subnet && !wrong.domain && !busy;
  const running = before?.members.some(({ link }) => link !== 'off') ?? false;
  const submit = async () => {
    if (!ready) return;
    setBusy(true);
    try {
      const wish = { name, subnet, domain: wholeDomain, wayOut, reachHost };
      await (known === null ? call('networks.create', wish) : call('networks.edit', wish));
      choose('networks', name);
      close();
    } catch (cause) {
      setError(toWire(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={known === null ? 'New network' : `Change ${known}`}
      testId={testIds.networkDialog}
      onClose={close}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!ready} data-testid={testIds.networkSubmit}>
            {known === null ? 'Make the network' : 'Change it'}
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {known === null && (
        <TextField
          label="Name"
          value={name}
          onChange={setName}
          problem={name === '' ? null : wrong.name}
          hint="What XML calls it: letters, digits and dashes."
          placeholder="lab"
          autoFocus
          testId={testIds.networkName}
        />
      )}
      <div className={panes.two}>
        <TextField
          label="Addresses"
          value={subnet}
          onChange={setSubnet}
          mono
          problem={wrong.subnet}
          isDisabled={running}
          hint={running ? 'Only while no guest on it runs.' : 'For up to 241 network cards.'}
        />
        <TextField
          label="Domain"
          value={domain}
          onChange={setDomain}
          mono
          placeholder={wholeDomain}
          problem={wrong.domain}
          hint={`A guest web is found as web.${wholeDomain}.`}
        />
      </div>
      <Checkbox
        checked={wayOut}
        onChange={setWayOut}
        hint="As connections of your own. Without it guests reach each other alone; SSH from here works in any case."
      >
        A way out
      </Checkbox>
      <Checkbox
        checked={reachHost}
        onChange={setReachHost}
        hint="What listens on 127.0.0.1 here, such as a database or a development server, is open to every guest on it."
      >
        Guests reach this computer’s own services
      </Checkbox>
    </Dialog>
  );
}

function freeSubnet(taken: readonly string[]): string {
  let third = 0;
  while (taken.includes(`10.77.${third}.0/24`)) third++;
  return `10.77.${third}.0/24`;
}

export function DeleteNetworkDialog({ name }: { name: string }) {
  const network = useNetworks((state) => state.byId[name]);
  if (!network) return null;
  const guests = [...new Set(network.members.map(({ guestName }) => guestName))];
  if (guests.length > 0)
    return (
      <Dialog
        title={`${name} cannot be deleted`}
        onClose={close}
        foot={
          <Button look="primary" onPress={close} autoFocus>
            Close
          </Button>
        }
      >
        <p>{`These have a card on it: ${guests.join(', ')}.`}</p>
        <p className="muted">Plug their cards in elsewhere first: Hardware, Network card.</p>
      </Dialog>
    );
  return (
    <Confirm
      title={`Delete the network ${name}?`}
      act="Delete the network"
      onClose={close}
      onAct={() => {
        close();
        void call('networks.delete', { name }).catch(tellError);
      }}
    >
      <p>No guest is on it. What is lost is its settings.</p>
    </Confirm>
  );
}

/** Puts the first card of a guest on the network. */
export function PlugDialog({ name }: { name: string }) {
  const network = useNetworks((state) => state.byId[name]);
  const guests = useGuests((state) => state.all);
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
  const on = new Set(network?.members.map(({ guest }) => guest));
  const free = guests
    .filter((guest) => !on.has(guest.id) && guest.state !== 'broken')
    .sort((a, b) => order.compare(a.name, b.name));
  const [chosen, setChosen] = useState('');
  const [error, setError] = useState<WireError | null>(null);
  const guest = free.find((one) => one.id === chosen) ?? free[0];
  const submit = async () => {
    if (!guest) return;
    try {
      await call('networks.plug', { id: guest.id, place: { kind: 'shared', network: name } });
      close();
    } catch (cause) {
      setError(toWire(cause));
    }
  };
  return (
    <Dialog
      title={`Plug a guest into ${name}`}
      testId={testIds.networkDialog}
      onClose={close}
      onSubmit={() => void submit()}
      foot={
        <>
          <Button onPress={close}>Cancel</Button>
          <Button look="primary" type="submit" isDisabled={!guest} data-testid={testIds.networkSubmit}>
            Plug it in
          </Button>
        </>
      }
    >
      {error && <ErrorNote error={error} write={writeClipboard} />}
      {guest ? (
        <>
          <Select
            label="Guest"
            value={guest.id}
            onChange={setChosen}
            testId="network-guest"
            groups={[{ title: 'Guests', options: free.map(({ id, name: label }) => ({ id, label })) }]}
          />
          <p className="muted">
            {guest.pid === null
              ? 'Its first network card is on this network from its next start. It is reached from here as before: SSH and its other ports lead through the network.'
              : 'It runs: its first network card changes at its next start. Until then it stays where it is.'}
          </p>
        </>
      ) : (
        <p>Every guest is on this network already, or there is none.</p>
      )}
    </Dialog>
  );
}
