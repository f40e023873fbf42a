import { toWire } from '../../shared/errors.ts';
import type { CoreEvent, EventEnvelope, Snapshot } from '../../shared/ipc/events.ts';
import { useConnection } from '../stores/connection.ts';
import { useContainerHosts, useContainerStats, useContainers } from '../stores/containers.ts';
import { useGroups, useGroupUse } from '../stores/groups.ts';
import { useGuests } from '../stores/guests.ts';
import { identityChanged, touchesIdentity } from '../stores/identity.ts';
import { keysChanged, useKeyCopies } from '../stores/keys.ts';
import { useNetworks } from '../stores/networks.ts';
import { useOperations } from '../stores/operations.ts';
import { announceOutcome } from '../stores/outcomes.ts';
import { usePrompts } from '../stores/prompts.ts';
import { useServers } from '../stores/servers.ts';
import { useSettings } from '../stores/settings.ts';
import { useStarters } from '../stores/starters.ts';
import { useStats } from '../stores/stats.ts';
import { useTemplates } from '../stores/templates.ts';
import { useTerminals } from '../stores/terminals.ts';
import { call } from './call.ts';

function load(snapshot: Snapshot) {
  useGuests.getState().load(snapshot.guests);
  useTemplates.getState().load(snapshot.templates);
  useStarters.getState().load(snapshot.starters);
  useOperations.getState().load(snapshot.operations);
  useTerminals.getState().load(snapshot.terminals);
  useSettings.getState().load(snapshot.settings);
  usePrompts.getState().load(snapshot.prompts ?? []);
  useServers.getState().load(snapshot.servers ?? []);
  useKeyCopies.getState().load(snapshot.keyCopies ?? []);
  useGroups.getState().load(snapshot.groups ?? []);
  useGroupUse.getState().keepOnly(new Set((snapshot.groups ?? []).map((group) => group.id)));
  useNetworks.getState().load(snapshot.networks ?? []);
  useContainers.getState().load(snapshot.containers ?? []);
  useContainerHosts.getState().load(snapshot.containerHosts ?? []);
  // For marks beside the list: the list is drawn first.
  setTimeout(keysChanged, 300);
  identityChanged(1500);
  useStats.getState().keepOnly(new Set(snapshot.guests.map((guest) => guest.id)));
}

function apply(event: CoreEvent) {
  switch (event.type) {
    case 'guest':
      if (touchesIdentity(useGuests.getState().byId[event.guest.id], event.guest)) identityChanged();
      return useGuests.getState().put(event.guest);
    case 'guest-gone':
      identityChanged();
      useStats.getState().drop(event.id);
      return useGuests.getState().drop(event.id);
    case 'stats':
      return useStats.getState().add(event.stats);
    case 'template':
      identityChanged();
      return useTemplates.getState().put(event.template);
    case 'template-gone':
      identityChanged();
      return useTemplates.getState().drop(event.id);
    case 'identity':
      return identityChanged(100);
    case 'operation': {
      const before = useOperations.getState().byId[event.operation.id];
      useOperations.getState().put(event.operation);
      return announceOutcome(before, event.operation);
    }
    case 'starter':
      return useStarters.getState().put(event.starter);
    case 'terminal':
      return useTerminals.getState().put(event.terminal);
    case 'terminal-gone':
      return useTerminals.getState().drop(event.id);
    case 'settings':
      return useSettings.getState().load(event.settings);
    case 'prompt':
      return usePrompts.getState().put(event.prompt);
    case 'prompt-gone':
      return usePrompts.getState().drop(event.id);
    case 'keys':
      return keysChanged();
    case 'key-copy':
      return useKeyCopies.getState().put(event.copy);
    case 'server':
      return useServers.getState().put(event.server);
    case 'server-gone':
      return useServers.getState().drop(event.id);
    case 'group':
      return useGroups.getState().put(event.group);
    case 'group-gone':
      return useGroups.getState().drop(event.id);
    case 'group-use':
      return useGroupUse.getState().add(event.uses);
    case 'container':
      return useContainers.getState().put(event.container);
    case 'container-gone':
      useContainerStats.getState().drop(event.id);
      return useContainers.getState().drop(event.id);
    case 'container-stats':
      return useContainerStats.getState().add(event.stats);
    case 'container-host':
      return useContainerHosts.getState().put(event.host);
    case 'container-host-gone':
      return useContainerHosts.getState().drop(event.id);
    case 'network':
      return useNetworks.getState().put(event.network);
    case 'network-gone':
      return useNetworks.getState().drop(event.name);
    case 'reset':
      return;
  }
}

/**
 * Fills the stores and keeps them true: subscribes first, then takes a snapshot, and drops events the snapshot
 * already holds. A `reset` (another owner, whose revisions start anew) takes a snapshot again.
 * Returns how to stop, and how to try again after a failed snapshot.
 */
export function connect(): { stop: () => void; retry: () => void } {
  let revision = -1;
  /** Events that came while a snapshot was under way; null when none is. */
  let waiting: EventEnvelope[] | null = null;
  let generation = 0;

  const take = async () => {
    const mine = ++generation;
    waiting = [];
    useConnection.getState().set({ status: 'connecting' });
    try {
      const snapshot = await call('core.snapshot');
      if (mine !== generation) return;
      load(snapshot);
      revision = snapshot.revision;
      const late = waiting;
      waiting = null;
      for (const envelope of late) receive(envelope);
      useConnection.getState().set({ status: 'ready', version: snapshot.version });
    } catch (error) {
      if (mine !== generation) return;
      waiting = null;
      useConnection.getState().set({ status: 'failed', error: toWire(error) });
    }
  };

  const receive = (envelope: EventEnvelope) => {
    if (envelope.event.type === 'reset') void take();
    else if (waiting) waiting.push(envelope);
    else if (envelope.revision > revision) {
      revision = envelope.revision;
      apply(envelope.event);
    }
  };

  const off = window.guesthouse.onEvent((envelope) => receive(envelope as EventEnvelope));
  void take();
  return {
    stop: () => {
      generation++;
      off();
    },
    retry: () => void take(),
  };
}
