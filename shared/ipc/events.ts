import type { Container, ContainerHost, ContainerStats } from '../model/container.ts';
import type { Group, GroupUse } from '../model/group.ts';
import type { Guest, GuestStats } from '../model/guest.ts';
import type { KeyCopy } from '../model/key.ts';
import type { SharedNetwork } from '../model/network.ts';
import type { Operation } from '../model/operation.ts';
import type { Prompt } from '../model/prompt.ts';
import type { Server } from '../model/server.ts';
import type { Settings } from '../model/settings.ts';
import type { Starter } from '../model/starter.ts';
import type { Template } from '../model/template.ts';
import type { Terminal } from '../model/terminal.ts';

/** Announcements of state. A call causes, an event tells. */
export type CoreEvent =
  | { readonly type: 'guest'; readonly guest: Guest }
  | { readonly type: 'guest-gone'; readonly id: string }
  | { readonly type: 'stats'; readonly stats: readonly GuestStats[] }
  | { readonly type: 'template'; readonly template: Template }
  | { readonly type: 'template-gone'; readonly id: string }
  /** An identity was written, read or confirmed: call `identity.audit` again (it is cached). */
  | { readonly type: 'identity' }
  | { readonly type: 'operation'; readonly operation: Operation }
  | { readonly type: 'starter'; readonly starter: Starter }
  | { readonly type: 'terminal'; readonly terminal: Terminal }
  | { readonly type: 'terminal-gone'; readonly id: string }
  | { readonly type: 'settings'; readonly settings: Settings }
  | { readonly type: 'prompt'; readonly prompt: Prompt }
  /** Answered, cancelled, or its connection ended. */
  | { readonly type: 'prompt-gone'; readonly id: string }
  /** Keys, the agent or permissions changed: call `keys.list` again. */
  | { readonly type: 'keys' }
  | { readonly type: 'key-copy'; readonly copy: KeyCopy }
  | { readonly type: 'server'; readonly server: Server }
  | { readonly type: 'server-gone'; readonly id: string }
  | { readonly type: 'group'; readonly group: Group }
  | { readonly type: 'group-gone'; readonly id: string }
  | { readonly type: 'group-use'; readonly uses: readonly GroupUse[] }
  | { readonly type: 'container'; readonly container: Container }
  | { readonly type: 'container-gone'; readonly id: string }
  | { readonly type: 'container-stats'; readonly stats: readonly ContainerStats[] }
  | { readonly type: 'container-host'; readonly host: ContainerHost }
  | { readonly type: 'container-host-gone'; readonly id: string }
  | { readonly type: 'network'; readonly network: SharedNetwork }
  | { readonly type: 'network-gone'; readonly name: string }
  /** The owner of the library changed: take a snapshot again. */
  | { readonly type: 'reset' };

/** Revisions grow by one an event within one owner; a snapshot carries the revision it includes. */
export interface EventEnvelope {
  readonly revision: number;
  readonly event: CoreEvent;
}

export interface Snapshot {
  readonly revision: number;
  readonly version: string;
  readonly guests: readonly Guest[];
  readonly templates: readonly Template[];
  readonly starters: readonly Starter[];
  readonly operations: readonly Operation[];
  readonly terminals: readonly Terminal[];
  readonly settings: Settings;
  readonly prompts?: readonly Prompt[];
  readonly servers?: readonly Server[];
  readonly containers?: readonly Container[];
  readonly containerHosts?: readonly ContainerHost[];
  readonly networks?: readonly SharedNetwork[];
  readonly keyCopies?: readonly KeyCopy[];
  readonly groups?: readonly Group[];
}
