import type { Asked } from '../deps.js';
import type { Blocker } from './assess.js';

/** A severe command on production wants the profile on the command line, not from a default. Pure. */
export function profileBlockers({ profile }: Pick<Asked, 'profile'>): Blocker[] {
  if (profile.environment !== 'production' || profile.onCommandLine) return [];
  const text = `"${profile.name}" is production: name it on the command line`;
  return [{ code: 'E_PROFILE_REQUIRED', text, fix: [`Repeat it with \`-p ${profile.name}\`.`] }];
}
