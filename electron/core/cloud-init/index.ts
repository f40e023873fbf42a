import type { Handlers } from '../api.ts';
import { checkUserData, composeUserData } from './user-data.ts';

/** Answers what a form asks of a seed; seeds themselves are made with guests and clones (seed.ts). */
export const seedHandlers = {
  'seeds.compose': async (form) => ({ userData: composeUserData(form) }),
  'seeds.check': async ({ userData }) => checkUserData(userData),
} satisfies Partial<Handlers>;
