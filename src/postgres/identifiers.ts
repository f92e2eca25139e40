/** PostgreSQL truncates names to this many bytes. */
export const NAME_MAX_BYTES = 63;

/** `we"ird` → `"we""ird"`: a name as SQL, always quoted. @throws RangeError for an invalid name (empty, or with a zero byte) */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0')) throw new RangeError('not a name that PostgreSQL can have');
  return `"${name.replaceAll('"', '""')}"`;
}

/** `schema.name` as SQL, both quoted. */
export function quoteQualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** A name for a line to paste: quoted only if PostgreSQL would read it differently otherwise. Does not check for keywords. */
export const bareOrQuoted = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name));

/**
 * A string as an SQL literal, for statements that take no parameters (ALTER DATABASE … SET, COMMENT, CREATE DATABASE). Correct for any
 * `standard_conforming_strings`: a backslash makes it an E'' literal.
 */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new RangeError('not a text that PostgreSQL can have');
  const doubled = text.replaceAll("'", "''");
  return text.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/**
 * `<name><suffix>` as a name of at most 63 bytes: truncates the name at a character boundary, never the suffix.
 *
 * @throws RangeError if the suffix alone is too long
 */
export function nameWithSuffix(name: string, suffix: string): string {
  const room = NAME_MAX_BYTES - Buffer.byteLength(suffix);
  if (room < 1) throw new RangeError('the suffix leaves no room for the name');
  return cutToBytes(name, room) + suffix;
}

/** The longest prefix of `text` that has at most `bytes` bytes of UTF-8 and ends at a character boundary. */
export function cutToBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  // Bytes 10xxxxxx continue a character: cutting before one would split it.
  while (end > 0 && (encoded[end]! & 0xc0) === 0x80) end -= 1;
  return encoded.toString('utf8', 0, end);
}
