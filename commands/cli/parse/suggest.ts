/** What the operator may have meant: the closest of `candidates`, at most three, nearest first; none when nothing is close. */
export function closest(given: string, candidates: readonly string[]): string[] {
  const wanted = given.toLowerCase();
  const limit = Math.max(1, Math.min(3, Math.floor(wanted.length / 2)));
  const near = candidates
    .map((candidate) => ({ candidate, distance: score(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate));
  const best = near[0]?.distance ?? 0;
  return near
    .filter(({ distance }) => distance <= best + 1)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** The `fix` of an error that knows what was probably meant; an empty object when nothing is close. */
export function suggestion(given: string, candidates: readonly string[]): { fix?: string[] } {
  const near = closest(given, candidates);
  return near.length === 0 ? {} : { fix: [`Did you mean ${near.map((name) => `'${name}'`).join(' or ')}?`] };
}

function score(wanted: string, candidate: string): number {
  return wanted.length >= 3 && candidate.startsWith(wanted) ? 0.5 : distanceOf(wanted, candidate);
}

/** Edits between two words: insert, delete, replace, and two neighbours swapped count one each. */
function distanceOf(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : replaced;
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, replaced, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
