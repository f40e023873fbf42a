import { GuesthouseError } from '../../shared/errors.ts';
import type { Guest } from '../../shared/model/guest.ts';

type Named = Pick<Guest, 'id' | 'name' | 'uuid'>;

/**
 * Finds what a person at a shell means: a name (without case), the folder's name, or a UUID.
 * @throws {GuesthouseError} `not-found`; `invalid-input` when several are meant
 */
export function resolve<T extends Named>(all: readonly T[], ref: string, what = 'guest'): T {
  const wanted = ref.toLowerCase();
  const meant = all.filter(
    (one) => one.id === ref || one.uuid?.toLowerCase() === wanted || one.name.toLowerCase() === wanted,
  );
  const [first, ...others] = meant;
  if (!first) {
    const names = all.map((one) => one.name);
    throw new GuesthouseError('not-found', `There is no ${what} named ${ref}.`, {
      todo:
        names.length > 0
          ? `There is: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`
          : undefined,
      subject: ref,
    });
  }
  if (others.length > 0)
    throw new GuesthouseError('invalid-input', `${ref} means more than one ${what}.`, {
      why: `It fits ${meant.map((one) => `${one.name} (${one.id})`).join(', ')}.`,
      todo: 'Give the folder name in brackets.',
      subject: ref,
    });
  return first;
}
