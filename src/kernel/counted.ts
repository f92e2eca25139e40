/** A number with its digits in groups of three: `4,812,331` */
export function grouped(value: number): string {
  return String(value).replace(/(?<=\d)(?=(\d{3})+$)/g, ',');
}

/** A number of things: `1 table`, `63 tables`, `4,812,331 rows`, `1 entry`. */
export function counted(value: number, one: string, many = manyOf(one)): string {
  return `${grouped(value)} ${value === 1 ? one : many}`;
}

/** `is` or `are`, `was` or `were`, …: the verb form for that number. */
export function verb(value: number, one: string, many: string): string {
  return value === 1 ? one : many;
}

function manyOf(one: string): string {
  return /[^aeiou]y$/.test(one) ? `${one.slice(0, -1)}ies` : `${one}s`;
}
