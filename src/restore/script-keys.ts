/**
 * The same value, which JSON.stringify writes with the keys that scripts expect: `undoUntil` becomes `undo_until`, at every depth.
 * Values stay as they are.
 */
export function withScriptKeys<T extends object>(value: T): T {
  return Object.defineProperty({ ...value }, 'toJSON', { value: () => renamed(value), enumerable: false });
}

function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [snakeCase(key), renamed(member)]));
}

const snakeCase = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
