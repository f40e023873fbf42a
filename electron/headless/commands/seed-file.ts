import { readFileSync, statSync } from 'node:fs';
import { GuesthouseError } from '../../../shared/errors.ts';

/** The cloud-init user data in a file. Whether it can be used is judged by core. */
export function userDataIn(file: string): string {
  try {
    if (statSync(file).size > 256 << 10)
      throw new GuesthouseError('invalid-input', `${file} is too large for a cloud-init seed.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof GuesthouseError) throw error;
    throw new GuesthouseError('not-found', `The seed ${file} cannot be read.`, {
      why: (error as Error).message,
      cause: error,
    });
  }
}
