/** A value inside libpq's connection string: a name with `=` in it would be read as one. */
export function quoteConninfo(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}
