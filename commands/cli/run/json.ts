/** Members of a result whose keys are not converted, at any depth; `true`: the whole result. */
export type Verbatim = true | readonly string[];

/**
 * Converts keys to snake_case at every depth: `undoUntil` becomes `undo_until`. Values stay as they are.
 *
 * @param verbatim members whose keys are data: names of labels, variables or columns, documents in another format
 */
export function scriptKeys(value: unknown, verbatim: Verbatim): unknown {
  if (verbatim === true || typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (Array.isArray(value)) return value.map((member) => scriptKeys(member, verbatim));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      scriptKey(key),
      verbatim.includes(key) ? member : scriptKeys(member, verbatim),
    ]),
  );
}

const scriptKey = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Returns JSON in which no key is missing: undefined becomes null, a bigint becomes a number, or a string if a number would lose digits.
 *
 * @param pretty indents by two spaces, for people
 */
export function toJson(value: unknown, pretty = false): string {
  return JSON.stringify(value, present, pretty ? 2 : undefined);
}

function present(_key: string, value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value !== 'bigint') return value;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}

/**
 * Returns the function that writes the rows of a source.
 *
 * @param uniform all rows have the same shape. If the first one needs no conversion, the others skip it, which takes a third of the time
 */
export function rowWriter(verbatim: Verbatim, uniform: boolean): (row: unknown, pretty?: boolean) => string {
  const whole = (row: unknown, pretty = false): string => toJson(scriptKeys(row, verbatim), pretty);
  if (!uniform) return whole;
  let isPlain: boolean | undefined;
  return (row, pretty = false) => {
    isPlain ??= whole(row) === JSON.stringify(row, withoutBigInts);
    return isPlain && !pretty ? JSON.stringify(row) : whole(row, pretty);
  };
}

const withoutBigInts = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? 'replaced' : value);
