import { GuesthouseError } from '../../../shared/errors.ts';
import { type Domain, missingIn, type Offered } from '../domain/index.ts';

/**
 * Why QEMU refused a guest, when that is a machine type or processor model it does not have: with the nearest it has,
 * as before an import. Pure.
 * @param resumed its memory was saved: another machine cannot take it
 * @returns the error as it was for any other reason
 */
export function explainLacking(
  error: GuesthouseError,
  domain: Domain,
  offered: Offered | null,
  resumed: boolean,
): GuesthouseError {
  const [missing] = error.code === 'qemu-failed' && offered ? missingIn(domain, offered) : [];
  if (!missing) return error;
  const { what, name, nearest } = missing;
  const put = resumed ? 'Discard the saved memory, which no other takes. Then put' : 'Put';
  return new GuesthouseError('unsupported', `This computer’s QEMU has no ${what} ${name}.`, {
    why: nearest
      ? `The guest’s XML names it. The nearest that is here is ${nearest}.`
      : 'The guest’s XML names it, and nothing like it is here.',
    todo: nearest
      ? `${put} ${nearest} into its XML: to the system inside that is other hardware. Or install the QEMU it was made with.`
      : `${put} another into its XML, or install the QEMU it was made with.`,
    detail: error.detail ?? error.why,
  });
}
