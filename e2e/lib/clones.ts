import type { Page } from '@playwright/test';
import type { CallName } from '../../shared/ipc/channels.ts';
import type { Bridge, CallInput, CallOutput } from '../../shared/ipc/contract.ts';
import type { Snapshot } from '../../shared/ipc/events.ts';

/** Calls core through the window's own bridge. @throws Error with the message of a refusal */
export async function bridgeCall<N extends CallName>(
  page: Page,
  name: N,
  input: CallInput<N>,
): Promise<CallOutput<N>> {
  const answer = await page.evaluate(
    ([n, i]) => (window as unknown as { guesthouse: Bridge }).guesthouse.call(n as CallName, i),
    [name, input] as const,
  );
  if (!answer.ok) throw new Error(`${name}: ${answer.error.message} ${answer.error.why ?? ''}`);
  return answer.value as CallOutput<N>;
}

async function finished(page: Page, operation: string): Promise<void> {
  for (;;) {
    const { operations } = (await bridgeCall(page, 'core.snapshot', undefined)) as Snapshot;
    const found = operations.find((one) => one.id === operation);
    if (found?.status === 'failed' || found?.status === 'cancelled')
      throw new Error(`${found.title}: ${found.error?.message ?? found.status}`);
    if (found && found.endedAt !== null) return;
    await page.waitForTimeout(200);
  }
}

/**
 * Makes linked clones of a new starter guest, with a key to log in by, and starts them; returns at once after that.
 * By calls, since the wizards have tests of their own.
 * @param keyId the private key, one of the app's
 */
export async function startClones(page: Page, names: readonly string[], keyId: string): Promise<void> {
  const starters = await bridgeCall(page, 'starters.list', undefined);
  const starter = starters.find((one) => one.id === 'debian-12');
  if (starter?.status !== 'built')
    await finished(page, (await bridgeCall(page, 'starters.build', { id: 'debian-12' })).operation);
  const { operation, id: source } = await bridgeCall(page, 'guests.create', {
    name: `${names[0]}-source`,
    from: { kind: 'starter', id: 'debian-12' },
  });
  await finished(page, operation);
  const line = await bridgeCall(page, 'keys.publicText', { id: keyId });
  const plan = await bridgeCall(page, 'clones.plan', {
    source,
    names: [...names],
    loginUser: 'debian',
    authorizedKeys: [line.trim()],
    hostKeyTypes: ['ed25519'],
  });
  await finished(page, (await bridgeCall(page, 'clones.run', { planId: plan.planId })).operation);
  for (const { id } of await bridgeCall(page, 'clones.results', { planId: plan.planId })) {
    if (id === null) throw new Error('A clone was not made.');
    await bridgeCall(page, 'guests.start', { id });
  }
}
