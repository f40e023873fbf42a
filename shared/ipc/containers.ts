import * as z from 'zod';
import type { Comparison } from '../model/comparison.ts';
import type { Container, ContainerDetail, ContainerImage } from '../model/container.ts';
import { containerSpec, limitsSchema } from '../model/container-spec.ts';
import type { Terminal } from '../model/terminal.ts';
import { call } from './call.ts';
import type { containerCalls } from './channels.ts';
import type { Started } from './guests.ts';

/** A container's id, or its name where only one host has it. */
const containerRef = z.string().min(1).max(300);
const one = z.object({ id: containerRef });
const hostRef = z.string().min(1).max(200);
const host = z.object({ host: hostRef.default('local') });

export const containerContract = {
  /** Looks at these hosts (all when empty) and keeps their lists and stats coming for 30 s: call again to go on. */
  'containers.watch': call(
    z.object({ hosts: z.array(hostRef).max(100).default([]), stats: z.boolean().default(true) }),
  ).returns<void>(),
  /** Containers of one host, or of all that are ready. */
  'containers.list': call(z.object({ host: hostRef.optional() })).returns<readonly Container[]>(),
  'containers.detail': call(one).returns<ContainerDetail>(),
  /** Makes sure of the image (pull, import or build), makes the container and starts it. Its id comes as an event. */
  'containers.create': call(containerSpec).returns<Started>(),
  'containers.start': call(one).returns<void>(),
  /** Asks it to stop; killed after `timeout` seconds. */
  'containers.stop': call(
    one.extend({ timeout: z.number().int().min(0).max(3600).default(10) }),
  ).returns<Started>(),
  'containers.restart': call(
    one.extend({ timeout: z.number().int().min(0).max(3600).default(10) }),
  ).returns<Started>(),
  'containers.pause': call(one).returns<void>(),
  'containers.unpause': call(one).returns<void>(),
  /** Removes a container and what it wrote. `force`: also one that runs; `volumes`: its nameless ones with it. */
  'containers.remove': call(
    one.extend({ force: z.boolean().default(false), volumes: z.boolean().default(false) }),
  ).returns<void>(),
  'containers.logs': call(
    one.extend({ lines: z.number().int().min(1).max(5000).default(200) }),
  ).returns<string>(),
  /** A shell in it, or its log as it is written, in a console. */
  'containers.console': call(
    one.extend({
      what: z.enum(['shell', 'logs']).default('shell'),
      command: z.array(z.string().max(65536)).max(1000).optional(),
    }),
  ).returns<Terminal>(),
  /** Replaces all limits, also while it runs. Fails with what the host cannot enforce, and changes nothing then. */
  'containers.setLimits': call(one.extend({ limits: limitsSchema })).returns<void>(),
  'containers.images': call(host).returns<readonly ContainerImage[]>(),
  'containers.removeImage': call(host.extend({ image: z.string().min(1).max(255) })).returns<void>(),
  /** Takes a guest or server as a host; `sudo`: as root there. Answers with the host's id. */
  'containers.addHost': call(z.object({ target: hostRef, sudo: z.boolean().default(false) })).returns<{
    id: string;
  }>(),
  'containers.removeHost': call(host).returns<void>(),
  /** Looks at the host anew, also tries what its containers need. */
  'containers.lookAtHost': call(host).returns<Started>(),
  /** Starts both anew where they are off and measures; ends with the result in `containers.comparison`. */
  'containers.compare': call(
    z.object({ guest: z.string().min(1).max(200), container: containerRef }),
  ).returns<Started>(),
  /** The last comparison; null when there was none. */
  'containers.comparison': call(z.undefined()).returns<Comparison | null>(),
} satisfies Record<(typeof containerCalls)[number], ReturnType<ReturnType<typeof call>['returns']>>;
