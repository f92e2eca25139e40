/** Members of a result whose keys are written as they are, at every depth; `true`: the whole result. */
export type Verbatim = true | readonly string[];

/**
 * The same value with the keys that scripts expect: `undoUntil` becomes `undo_until`, at every depth. Values stay as they are.
 *
 * @param verbatim members whose keys somebody else chose: names of labels or variables, columns, documents of another form
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
 * JSON in which no key is missing: undefined becomes null, a bigint a number, or a string where a number would lose digits.
 *
 * @param pretty two blanks of indentation, for people
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
 * How the rows of a source are written.
 *
 * @param uniform all rows have the form of the first: where that one shows that no key must be renamed and no value replaced, they are
 * written the plain way, which costs a third
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
