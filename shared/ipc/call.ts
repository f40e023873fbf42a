import type * as z from 'zod';

/** One call of the contract: what goes in is parsed, what comes out is typed. */
export interface CallSpec<I extends z.ZodType = z.ZodType, O = unknown> {
  readonly input: I;
  /** Type only. */
  readonly output?: O;
}

/** `call(z.object({...})).returns<Guest>()` */
export function call<I extends z.ZodType>(input: I): { returns<O>(): CallSpec<I, O> } {
  return { returns: () => ({ input }) };
}
