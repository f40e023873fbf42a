import type { Guest } from '../../../shared/model/guest.ts';
import type { Template } from '../../../shared/model/template.ts';
import type { CloneSource } from './form.ts';

const diskBytes = (machine: Pick<Guest, 'disks'>) =>
  machine.disks.find((disk) => disk.device === 'disk')?.virtualSize ?? null;

const fromTemplate = (template: Template): CloneSource => ({
  kind: 'template',
  id: template.id,
  name: template.name,
  vcpus: template.vcpus,
  memory: template.memory,
  diskBytes: diskBytes(template),
  loginUser: template.loginUser,
  ready: true,
});

const fromGuest = (guest: Guest): CloneSource => ({
  kind: 'guest',
  id: guest.id,
  name: guest.name,
  vcpus: guest.vcpus,
  memory: guest.memory,
  diskBytes: diskBytes(guest),
  loginUser: guest.ssh?.user ?? null,
  ready: guest.state === 'off' || guest.state === 'crashed',
});

/** What can be cloned: those asked for first, then templates, then guests that are off. Broken ones are left out. */
export function sourcesOf(
  templates: readonly Template[],
  guests: readonly Guest[],
  wished: readonly string[],
): readonly CloneSource[] {
  const all = [
    ...templates.filter((template) => !template.problem).map(fromTemplate),
    ...guests.filter((guest) => guest.state !== 'broken').map(fromGuest),
  ];
  const asked = wished.flatMap((id) => all.find((one) => one.id === id) ?? []);
  return [...asked, ...all.filter((one) => !wished.includes(one.id) && one.ready)];
}
