import type { Check } from '../kernel/check.js';
import { counted, verb } from '../kernel/counted.js';
import { joinAdvice, withoutRepeats } from '../kernel/next.js';
import { type DoctorTools, ok, warn } from './check.js';

/** Checks that all earlier restores have finished, and says what they keep for undo. */
export async function restoresCheck({ leftovers, kept }: DoctorTools): Promise<Check> {
  const found = await leftovers();
  const [first] = found;
  if (first === undefined) return ok('restores', keptText(await kept()));
  const texts = found.map(({ text }) => text).join('; ');
  const fixes = withoutRepeats(found.map(({ fix }) => fix));
  return warn('restores', texts, joinAdvice(fixes, '\n  '));
}

function keptText({ databases, trees, until }: Awaited<ReturnType<DoctorTools['kept']>>): string {
  const kept = [
    ...(databases > 0 ? [counted(databases, 'previous database')] : []),
    ...(trees > 0 ? [counted(trees, 'previous file tree')] : []),
  ];
  if (kept.length === 0) return 'earlier restores left nothing behind';
  const end =
    until === null
      ? ''
      : `${databases + trees > 1 ? ', the last one' : ''} until ${until.slice(0, 16).replace('T', ' ')}Z`;
  return `${kept.join(' and ')} ${verb(databases + trees, 'is', 'are')} kept for undo${end}`;
}
