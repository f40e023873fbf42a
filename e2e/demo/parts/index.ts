import type { DemoPart } from '../part.ts';
import { clonesAndIdentity } from './clones.ts';
import { compareKinds } from './compare.ts';
import { applicationContainer } from './containers.ts';
import { firstGuest } from './first-guest.ts';
import { resourceGroups } from './groups.ts';
import { screen } from './screen.ts';
import { sshAccess } from './ssh.ts';

/** The demo, in order. Each capability adds its part here. */
export const parts: readonly DemoPart[] = [
  firstGuest,
  clonesAndIdentity,
  sshAccess,
  screen,
  compareKinds,
  applicationContainer,
  resourceGroups,
];
