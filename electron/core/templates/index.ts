import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import pLimit from 'p-limit';
import { GuesthouseError } from '../../../shared/errors.ts';
import type { DeletePlan } from '../../../shared/ipc/guests.ts';
import type { Template } from '../../../shared/model/template.ts';
import type { Announce, Handlers } from '../api.ts';
import { cleanStaleExports } from '../disks/index.ts';
import { domainProps } from '../domain/index.ts';
import type { Creator } from '../guests/create.ts';
import { describeDisks } from '../guests/describe.ts';
import type { Lifecycle, LifecycleDeps } from '../guests/lifecycle.ts';
import { libraryPolicy, refresh } from '../guests/loading.ts';
import { watchFolder } from '../guests/newcomers.ts';
import { refuseSnapshots } from '../guests/snapshots/store.ts';
import { assertNameFree, nameKey, nameOf, type StoredGuest } from '../guests/store.ts';
import type { OperationContext } from '../operations/runner.ts';
import { sweepBases } from './bases.ts';
import { Clones } from './clones.ts';
import { followTemplate, TemplateStore } from './home.ts';
import { imagesInUse } from './images-in-use.ts';
import { makeDirect } from './make-direct.ts';
import { makeFull } from './make-full.ts';
import { edited, makeTemplate, planSeal, type SealPlanSecret } from './seal.ts';
import { readSealed } from './sealed.ts';
import { templateOf } from './sources.ts';

export interface TemplatesDeps extends LifecycleDeps {
  readonly announce: Announce;
  readonly lifecycle: Lifecycle;
  readonly creator: Creator;
  /** Called when an identity was written. */
  readonly onIdentity: () => void;
}

type TemplateCall = Extract<keyof Handlers, `templates.${string}` | `clones.${string}`>;

/** Templates of the library, and the clones made from them and from guests. */
export function createTemplates(deps: TemplatesDeps) {
  const { paths, registry, runner, log } = deps;
  const store = new TemplateStore(paths, log);
  let stopLooking = () => {};
  let rows = new Map<string, Template>();
  const plans = new Map<string, SealPlanSecret>();
  const names = async () => [
    ...registry.all().map((entry) => nameOf(entry.stored)),
    ...(await store.list()).map(nameOf),
  ];
  /** One at a time: making a base, and looking for those that nothing needs. */
  const aloneWithBases = pLimit(1);
  const clones = new Clones({ ...deps, templates: store, names, aloneWithBases });

  /** What each guest's disks stand on, by their headers; null for one that cannot be read. */
  const standing = () =>
    Promise.all(
      registry.all().map(async ({ id, stored, runningText }) => ({
        id,
        stored,
        used: await imagesInUse([{ stored, runningText }], paths),
      })),
    );

  /** Guests whose disks stand on a file of this folder. */
  async function clonesOn(folder: string, guests = standing()): Promise<{ id: string; name: string }[]> {
    const found: { id: string; name: string }[] = [];
    for (const { id, stored, used } of await guests) {
      // A guest that cannot be read might stand on it: its own word decides.
      const said = stored.domain?.metadata.origin;
      const linked = used
        ? [...used].some((file) => file.startsWith(`${folder}/`))
        : said?.linked === true && said.uuid !== null && rows.get(path.basename(folder))?.uuid === said.uuid;
      if (linked) found.push({ id, name: nameOf(stored) });
    }
    return found;
  }

  async function rowOf(stored: StoredGuest, guests: ReturnType<typeof standing>): Promise<Template> {
    const { domain } = stored;
    const described = domain
      ? await describeDisks(domain, libraryPolicy(paths))
      : { disks: [], problem: null };
    return {
      id: stored.id,
      name: nameOf(stored),
      uuid: domain?.uuid ?? null,
      folder: stored.folder,
      kind: domain?.kind ?? 'unknown',
      vcpus: domain?.vcpus ?? 0,
      memory: domain?.memoryMiB ?? 0,
      disks: described.disks,
      description: domain?.get(domainProps.description) ?? '',
      tags: domain?.metadata.tags ?? [],
      loginUser: domain?.metadata.ssh.user ?? null,
      linkedClones: (await clonesOn(stored.folder, guests)).map((clone) => clone.id),
      sealedAt: (await readSealed(stored.folder))?.sealedAt ?? null,
      problem: stored.problem ?? described.problem,
    };
  }

  /** Guests that stand on the old folder of a template that was renamed, and run: they are told when they are off. */
  const waiting = new Set<string>();

  /** What stands on a template whose folder was renamed is told the new one. */
  const followMoved = () =>
    aloneWithBases(async () => {
      waiting.clear();
      for (const { id, folder, domain } of await store.list()) {
        if (!domain) continue; // a copy that is still coming in, perhaps
        const old = await store.movedFrom(id);
        const held: string[] = [];
        for (const from of old) {
          const { followed, waiting: left } = await followTemplate(paths, log, from, folder);
          for (const one of followed) if (registry.find(one)) await refresh(deps, one);
          held.push(...left);
        }
        for (const one of held) waiting.add(one);
        if (old.length > 0 && held.length === 0) await store.arrived(id);
      }
    }).catch((error) => log.error('what stands on a moved template could not be told', error));

  /** Reads all templates anew and announces what changed. */
  async function reload(): Promise<readonly Template[]> {
    const fresh = new Map<string, Template>();
    const guests = standing(); // once for all templates
    for (const stored of await store.list()) fresh.set(stored.id, await rowOf(stored, guests));
    for (const [id, template] of fresh)
      if (JSON.stringify(rows.get(id)) !== JSON.stringify(template))
        deps.announce({ type: 'template', template });
    for (const id of rows.keys()) if (!fresh.has(id)) deps.announce({ type: 'template-gone', id });
    rows = fresh;
    return [...rows.values()];
  }

  async function find(ref: string): Promise<StoredGuest> {
    const found = templateOf(await store.list(), ref);
    if (!found) throw new GuesthouseError('not-found', `There is no template named “${ref}”.`);
    return found;
  }

  async function deletePlan(ref: string): Promise<DeletePlan & { clones: { id: string; name: string }[] }> {
    const stored = await find(ref);
    const removed: { path: string; bytes: number }[] = [];
    for (const name of await fs.readdir(stored.folder)) {
      const file = path.join(stored.folder, name);
      const stat = await fs.lstat(file);
      removed.push({ path: file, bytes: stat.blocks * 512 });
    }
    return { removed, kept: [], clones: await clonesOn(stored.folder) };
  }

  /** Removes the bases that nothing needs any more: a kill left them, or the last that stood on them is gone. */
  async function sweep(): Promise<void> {
    const machines = async () => [
      ...(await deps.store.list()).map((stored) => ({
        stored,
        runningText: registry.find(stored.id)?.runningText,
      })),
      ...(await store.list()).map((stored) => ({ stored })),
    ];
    const removed = await aloneWithBases(() =>
      sweepBases(paths.bases, async () => imagesInUse(await machines(), paths)),
    );
    for (const file of removed) log.info(`removed the unused base ${file}`);
  }

  async function seal(secret: SealPlanSecret, op: OperationContext): Promise<void> {
    await makeTemplate({ paths, templates: store, now: () => deps.clock.now() }, secret, op);
    if (!secret.request.keep) {
      await deps.store.remove(secret.source.id);
      registry.remove(secret.source.id);
      await sweep();
    }
    await reload();
    deps.onIdentity();
  }

  const handlers: Handlers<TemplateCall> = {
    'templates.list': async () => {
      await followMoved(); // one may have been renamed just now
      return reload();
    },
    'templates.planSeal': async ({ id: ref, ...request }) => {
      const { id } = registry.get(ref);
      const entry = await refresh(deps, id);
      if (entry.state !== 'off' && entry.state !== 'crashed')
        throw new GuesthouseError(
          'wrong-state',
          `${nameOf(entry.stored)} must be off to become a template.`,
          {
            todo: 'Shut it down first.',
            subject: id,
          },
        );
      const others = (await names()).filter(
        (name) => request.keep || nameKey(name) !== nameKey(nameOf(entry.stored)),
      );
      const secret = await planSeal(entry.stored, request, paths);
      assertNameFree(secret.plan.name, others);
      plans.set(secret.plan.planId, secret);
      for (const key of [...plans.keys()].slice(0, Math.max(0, plans.size - 10))) plans.delete(key);
      return secret.plan;
    },
    'templates.seal': async ({ planId }) => {
      const secret = plans.get(planId);
      if (!secret)
        throw new GuesthouseError('not-found', 'That plan is gone.', { todo: 'Look at the preview again.' });
      plans.delete(planId);
      const { operation, result } = runner.start(
        {
          kind: 'template.seal',
          title: `Making a template of ${nameOf(secret.source)}`,
          subject: secret.source.id,
          lock: `guest:${secret.source.id}`,
        },
        (op) => seal(secret, op),
      );
      result.catch(() => {});
      return { operation: operation.id, id: secret.id };
    },
    'templates.make': async (spec) => {
      const { title, job } = await makeDirect(deps, spec, seal);
      const { operation, result } = runner.start({ kind: 'template.make', title }, job);
      result.catch(() => {});
      return { operation: operation.id };
    },
    'templates.xml': async ({ id }) => {
      const stored = await find(id);
      return { name: nameOf(stored), xml: stored.text };
    },
    'templates.rename': async ({ id, name }) => {
      const stored = await find(id);
      const own = nameKey(nameOf(stored));
      assertNameFree(
        name,
        (await names()).filter((other) => nameKey(other) !== own),
      );
      await store.write(stored.id, edited(stored, { name }));
      await reload();
    },
    'templates.edit': async ({ id, ...changes }) => {
      const stored = await find(id);
      await store.write(stored.id, edited(stored, changes));
      await reload();
    },
    'templates.deletePlan': ({ id }) => deletePlan(id),
    'templates.delete': async ({ id }) => {
      const stored = await find(id);
      const linked = await clonesOn(stored.folder);
      if (linked.length > 0)
        throw new GuesthouseError('template-in-use', `${nameOf(stored)} cannot be deleted.`, {
          why: `${linked.length === 1 ? 'A linked clone stands' : `${linked.length} linked clones stand`} on its disk: ${linked.map((clone) => clone.name).join(', ')}.`,
          todo: 'Make them full clones, or delete them first.',
          subject: stored.id,
        });
      await clones.without(stored.id, () => store.remove(stored.id));
      await reload();
      await sweep();
    },
    'clones.makeFull': async ({ id: ref }) => {
      const { id } = registry.get(ref);
      const entry = await refresh(deps, id);
      if (entry.state !== 'off' && entry.state !== 'crashed')
        throw new GuesthouseError('wrong-state', `${nameOf(entry.stored)} must be off for that.`, {
          todo: 'Shut it down first.',
          subject: id,
        });
      await refuseSnapshots(entry.stored.folder, nameOf(entry.stored), 'Leave it as it is');
      const { operation, result } = runner.start(
        {
          kind: 'clone.make-full',
          title: `Giving ${nameOf(entry.stored)} a whole disk of its own`,
          subject: id,
          lock: `guest:${id}`,
        },
        async (op) => {
          await makeFull(deps, entry.stored, op);
          await reload();
          await sweep();
        },
      );
      result.catch(() => {});
      return { operation: operation.id };
    },
    'clones.plan': ({ source, ...request }) => clones.plan(source, request),
    'clones.run': async ({ planId }) => {
      const started = await clones.run(planId);
      void clones.settled(planId).then(async () => {
        await reload();
        deps.onIdentity();
      });
      return started;
    },
    'clones.results': async ({ planId }) => clones.results(planId),
  };

  return {
    handlers,
    store,
    snapshot: () => [...rows.values()],
    async load(): Promise<void> {
      // Staged folders are the guests' business. Daemons and mounts that a kill left go now, before anything is edited.
      await cleanStaleExports(path.join(paths.runtime, 'exports'));
      await followMoved();
      registry.onChange((id) => {
        const state = waiting.has(id) ? registry.find(id)?.state : null;
        if (state === 'off' || state === 'crashed') void followMoved().then(reload);
      });
      await reload();
      await sweep();
    },
    /** Sees from now on what somebody copies or renames in the folder of templates. */
    start(): void {
      stopLooking = watchFolder(paths.templates, log, async () => {
        await followMoved();
        // One with a problem may be a copy that is still coming in.
        return (await reload()).every(({ problem }) => problem === null);
      });
    },
    close: () => stopLooking(),
  };
}
