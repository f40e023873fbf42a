import type * as z from 'zod';
import { createSpec } from '../../../shared/ipc/guests.ts';
import type { templateContract } from '../../../shared/ipc/templates.ts';
import type { Creator } from '../guests/create.ts';
import type { LifecycleDeps } from '../guests/lifecycle.ts';
import { type OperationContext, partOf } from '../operations/runner.ts';
import { planSeal, type SealPlanSecret } from './seal.ts';

type Spec = z.output<(typeof templateContract)['templates.make']['input']>;

/**
 * A template straight from a starter or an image: a guest that nobody starts, sealed at once. It is removed again when
 * that fails or is cancelled; a kill in between leaves it as a guest like any other.
 * @throws {GuesthouseError} `name-taken`
 */
export async function makeDirect(
  deps: LifecycleDeps & { readonly creator: Creator },
  { name, from, vcpus, memory, tags }: Spec,
  seal: (secret: SealPlanSecret, op: OperationContext) => Promise<void>,
): Promise<{ title: string; job: (op: OperationContext) => Promise<void> }> {
  const { creator, registry, runner, store, paths } = deps;
  const title = `Making the template ${name}`;
  const { id, make, forget } = await creator.prepare(createSpec.parse({ name, from, vcpus, memory, tags }));
  const work = async (op: OperationContext) => {
    await make(partOf(op, 0, 0.6));
    try {
      const request = { keep: false, description: '', tags };
      const secret = await planSeal(registry.get(id).stored, request, paths);
      await seal(secret, partOf(op, 0.6, 1));
    } catch (error) {
      if (registry.find(id)) {
        await store.remove(id);
        registry.remove(id);
      }
      throw error;
    }
  };
  return { title, job: (op) => runner.hold(`guest:${id}`, title, () => work(op)).finally(forget) };
}
