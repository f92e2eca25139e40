/** A quoted value for libpq's connection string: a name with `=` in it would be parsed as a connection string. */
export function quoteConninfo(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}
