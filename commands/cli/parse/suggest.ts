import { editDistance } from '../../../src/kernel/closest.js';

/** Returns the candidates closest to `given`: at most three, nearest first; only one if it is not very close. */
export function closest(given: string, candidates: readonly string[]): string[] {
  const wanted = given.toLowerCase();
  const bare = wanted.replace(/^(--?|e_)/, '');
  const limit = Math.max(1, Math.min(3, Math.floor(bare.length / 3)));
  const near = candidates
    .map((candidate) => ({ candidate, distance: score(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate));
  const best = near[0]?.distance ?? 0;
  return near
    .filter(({ distance }) => distance <= best + 1)
    .slice(0, best > 1 ? 1 : 3)
    .map(({ candidate }) => candidate);
}

/** Returns the `fix` of an error, with the closest candidates; an empty object if nothing is close. */
export function suggestion(given: string, candidates: readonly string[]): { fix?: string[] } {
  const near = closest(given, candidates);
  return near.length === 0 ? {} : { fix: [`Did you mean ${near.map((name) => `'${name}'`).join(' or ')}?`] };
}

function score(wanted: string, candidate: string): number {
  return wanted.length >= 3 && candidate.startsWith(wanted) ? 0.5 : editDistance(wanted, candidate);
}
