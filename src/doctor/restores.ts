import type { Check } from '../kernel/check.js';
import { joinAdvice, withoutRepeats } from '../kernel/next.js';
import { type DoctorTools, ok, warn } from './check.js';

/** Did every earlier restore come to its end, and is nothing left of those that were killed? */
export async function restoresCheck({ leftovers }: DoctorTools): Promise<Check> {
  const found = await leftovers();
  const [first] = found;
  if (first === undefined) return ok('restores', 'nothing is left of earlier ones');
  const texts = found.map(({ text }) => text).join('; ');
  const fixes = withoutRepeats(found.map(({ fix }) => fix));
  return warn('restores', texts, joinAdvice(fixes, '\n  '));
}
