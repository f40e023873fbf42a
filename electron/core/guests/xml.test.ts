import { expect, it } from 'vitest';
import { openTestCore } from '../testing/core.ts';
import { tempHome } from '../testing/temp-home.ts';

it('a machine type that this computer’s QEMU lacks is listed before the import, and with the guest', async () => {
  const home = tempHome();
  const at = await openTestCore(home.paths);
  const { core } = at;
  try {
    const xml = `<domain type='kvm'><name>jammy</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-jammy'>hvm</type></os></domain>`;
    const listed = expect.objectContaining({
      path: 'os/type@machine',
      line: 2,
      reason: expect.stringMatching(/no machine type pc-q35-jammy, the nearest is pc-q35-\d/),
    });
    expect((await core.call('guests.checkXml', { xml })).problems).toContainEqual(listed);
    const imported = await core.call('guests.importXml', { xml });
    await at.done(imported);
    const { problems } = await core.call('guests.detail', { id: imported.id });
    expect(problems).toContainEqual(listed);

    const { nearest } = await core.call('guests.checkXml', { xml });
    const mended = await core.call('guests.importXml', { xml, name: 'mended', nearest: true });
    await at.done(mended);
    expect(mended.changes).toContainEqual(
      expect.stringContaining(`pc-q35-jammy: it was given ${nearest[0]}.`),
    );
    const now = await core.call('guests.detail', { id: mended.id });
    expect(now.xml).toContain(`machine='${nearest[0]}'`);
    expect(now.problems).not.toContainEqual(expect.objectContaining({ path: 'os/type@machine' }));
  } finally {
    await at.close();
    home.remove();
  }
});
