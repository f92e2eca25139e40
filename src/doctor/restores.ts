import type { Check } from '../kernel/check.js';
import { joinAdvice, withoutRepeats } from '../kernel/next.js';
import { type DoctorTools, ok, warn } from './check.js';

/** Checks that all earlier restores have finished and left nothing behind. */
export async function restoresCheck({ leftovers }: DoctorTools): Promise<Check> {
  const found = await leftovers();
  const [first] = found;
  if (first === undefined) return ok('restores', 'earlier restores left nothing behind');
  const texts = found.map(({ text }) => text).join('; ');
  const fixes = withoutRepeats(found.map(({ fix }) => fix));
  return warn('restores', texts, joinAdvice(fixes, '\n  '));
}
