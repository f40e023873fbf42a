import { GuesthouseError } from '../../../shared/errors.ts';
import type { NicPlace } from '../../../shared/model/network.ts';
import { type Domain, interfaceProps, metaProps } from '../domain/index.ts';
import { addAgreed } from './consent.ts';
import type { CreateDeps } from './create-spec.ts';
import { refresh } from './loading.ts';
import { nameOf } from './store.ts';

/** A domain with one of its cards plugged in elsewhere; the card, its MAC and its address in the machine stay. */
export function withCardAt(domain: Domain, card: number, place: NicPlace): Domain {
  const { type, network, bridge, portgroup, targetDev, backend } = interfaceProps;
  let next = domain
    .set(type, place.kind === 'shared' ? 'network' : place.kind, card)
    .set(network, place.kind === 'shared' ? place.network : null, card)
    .set(bridge, place.kind === 'bridge' ? place.bridge : null, card);
  // What belonged to the old place alone.
  for (const property of [portgroup, targetDev, backend])
    if (next.has(property, card)) next = next.set(property, null, card);
  return place.kind === 'user' ? next.set(metaProps.restrict, place.restrict ? true : null) : next;
}

/**
 * Plugs a card in elsewhere; a running guest follows at its next start.
 * @throws {GuesthouseError} `not-found` for a card or network there is not
 */
export function plugCard(deps: CreateDeps, ref: string, card: number, place: NicPlace): Promise<void> {
  const { id } = deps.registry.get(ref);
  return deps.store.inTurn(id, () => plugNow(deps, id, card, place));
}

async function plugNow(deps: CreateDeps, id: string, card: number, place: NicPlace): Promise<void> {
  const { stored } = await refresh(deps, id);
  const { domain } = stored;
  if (!domain)
    throw new GuesthouseError('xml-invalid', 'Its domain XML cannot be read, so it cannot be edited.', {
      why: stored.problem?.why,
      todo: 'Mend the XML first.',
      subject: id,
    });
  if (card >= domain.interfaces().length)
    throw new GuesthouseError('not-found', `${nameOf(stored)} has no network card ${card + 1}.`, {
      todo: 'Add one to its hardware first.',
      subject: id,
    });
  if (place.kind === 'shared' && !deps.networks.find(place.network))
    throw new GuesthouseError('not-found', `There is no network named “${place.network}”.`, {
      todo: 'See which there are, on the Networks page or by “guesthouse network list”.',
    });
  const next = withCardAt(domain, card, place);
  if (place.kind === 'bridge') await addAgreed(stored.folder, [place.bridge]);
  deps.registry.update(id, { stored: await deps.store.write(id, next) });
}
