import { libraryPaths } from '../platform/paths.ts';
import { openTestCore } from './core.ts';

/**
 * A process for tests to kill: opens the library that the environment names as its owner and does one thing with it.
 * Prints `ready` when the thing is about to begin and `done` when it has ended.
 */
async function main([what, ref, ...names]: readonly string[]): Promise<void> {
  const { GUESTHOUSE_TEST_NETWORK: network } = process.env;
  const test = await openTestCore(libraryPaths(process.env), {
    ...(network === undefined ? {} : { networkHost: JSON.parse(network) as string[] }),
  });
  const { core } = test;
  if (what === 'start') {
    // One after the other; then it waits to be killed.
    for (const name of [ref!, ...names]) {
      await test.done(await core.call('guests.start', { id: name }));
      await test.done(await core.call('guests.waitSsh', { id: name }));
    }
    const [one] = await core.call('networks.list', undefined);
    process.stdout.write(`network ${one?.pid}\nstarted\n`);
    await new Promise(() => setInterval(() => {}, 60_000));
  } else if (what === 'save') {
    process.stdout.write('ready\n');
    await test.done(await core.call('guests.save', { id: ref! }));
  } else if (what === 'snapshot') {
    process.stdout.write('ready\n');
    await test.done(await core.call('snapshots.take', { id: ref!, name: 'never whole' }));
  } else if (what === 'clone') {
    const plan = await core.call('clones.plan', { source: ref!, names });
    process.stdout.write('ready\n');
    await test.done(await core.call('clones.run', { planId: plan.planId }));
  } else if (what === 'repair') {
    const plan = await core.call('identity.planRepair', { ids: [ref!] });
    process.stdout.write('ready\n');
    await test.done(await core.call('identity.repair', { planId: plan.planId }));
  } else if (what === 'full') {
    process.stdout.write('ready\n');
    await test.done(await core.call('clones.makeFull', { id: ref! }));
  } else if (what === 'application') {
    process.stdout.write('ready\n');
    await test.done(await core.call('groups.startApplication', { id: ref!, command: names }));
  } else {
    const plan = await core.call('templates.planSeal', { id: ref!, name: names[0]!, keep: true });
    process.stdout.write('ready\n');
    await test.done(await core.call('templates.seal', { planId: plan.planId }));
  }
  process.stdout.write('done\n');
  await test.close();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof Error ? [error.message, (error as { why?: string }).why].join(' ') : String(error)}\n`,
  );
  process.exit(1);
});
