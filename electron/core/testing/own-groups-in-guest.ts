import { describe, expect, it } from 'vitest';
import { noLimits } from '../../../shared/model/group.ts';
import { chooseBackend } from '../limits/choose.ts';
import { factsScript, parseFacts } from '../limits/facts.ts';
import { farMachine } from '../limits/machine.ts';
import { filesOf, readCounters } from '../limits/usage.ts';
import { type BootedGuest, inGuestOf } from './booted-guest.ts';
import { busy, hog } from './group-tools.ts';

const MB = 1024 * 1024;

/** Groups of an ordinary user of a guest: tests for a file that has one booted. */
export function ownGroupsInGuest(booted: () => BootedGuest): void {
  const inGuest = inGuestOf(booted);

  describe('groups without root', () => {
    /** Commands of the ordinary user, run in a part of cgroup2 that systemd delegated to a service of hers. */
    const service = '/sys/fs/cgroup/system.slice/delegated.service';
    const inService = `d=${service}; [ -d "$d/guesthouse-self" ] && d=$d/guesthouse-self
echo $$ >"$d/cgroup.procs" && exec setpriv --reuid=debian --regid=debian --init-groups -- "$@"`;

    it('are made in a delegated part of version 2, whose own processes go aside', async () => {
      await inGuest(
        'sudo -n systemd-run --quiet --unit=delegated -p User=debian -p Delegate=yes sleep 900'.split(' '),
      );
      const machine = farMachine(
        booted().guest,
        'far',
        async (command, { okCodes }) =>
          inGuest(['sudo', '-n', 'sh', '-c', inService, 'sh', ...command], okCodes),
        () => false,
      );
      const facts = parseFacts((await machine.exec(['sh', '-c', factsScript, 'sh', 'here'])).stdout);
      expect(facts).toMatchObject({ sudo: false, delegated: { folder: service, inner: true } });
      expect(facts.uid).not.toBe(0);
      const backend = chooseBackend({ ...facts, userManager: null });
      expect(backend).toMatchObject({ kind: 'v2', root: false });
      expect(backend.abilities.find(({ limit }) => limit === 'memoryMax')?.held).toBe('yes');
      const place = ['mine-00000001'] as const;
      const limits = { ...noLimits, memoryMax: 24 * MB, swapMax: 0, cpus: 0.1, tasksMax: 30 };
      const steps = [...backend.ensure(place, limits, []), ...backend.room(place, 'app-1')];
      const results = await machine.apply(steps);
      expect(results.filter((result, index) => result !== null && !steps[index]!.optional)).toEqual([]);
      // The service's own process went aside: the kernel would give no controllers to a folder with processes.
      expect((await machine.exec(['cat', `${service}/guesthouse-self/cgroup.procs`])).stdout).toMatch(
        /^\d+$/m,
      );
      expect((await machine.exec(['cat', `${service}/cgroup.procs`])).stdout).toBe('');
      await machine.exec(backend.enter(place, 'app-1', hog(60)), { okCodes: [137, 9, 255] }).catch(() => {});
      await machine.exec(backend.enter(place, 'app-1', ['timeout', '3', ...busy]), { okCodes: [124] });
      const node = backend.group(place);
      const counters = readCounters(node, await machine.survey([node.folder], filesOf(node)), 0);
      expect(counters.oomKills).toBe(1);
      expect(counters.throttledPeriods).toBeGreaterThan(3);
      const cleared = await machine.apply([...backend.leave(place, 'app-1'), ...backend.remove(place)]);
      expect(cleared).toEqual([null, null]);
      await inGuest('sudo -n systemctl stop delegated.service'.split(' '));
    });
  });
}
