import path from 'node:path';
import { readInside } from '../archive/decompress.js';
import { PotctlError } from '../kernel/errors.js';

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The words that a PostgreSQL statement can start with. */
const STATEMENT =
  /^(?:abort|alter|analyze|begin|call|checkpoint|close|cluster|comment|commit|copy|create|deallocate|declare|delete|discard|do|drop|end|execute|explain|fetch|grant|import|insert|listen|load|lock|merge|move|notify|prepare|reassign|refresh|reindex|release|reset|revoke|rollback|savepoint|security|select|set|show|start|table|truncate|unlisten|update|vacuum|values|with)\b|^\(/i;

/** A message on standard error that a shell mixed into the dump. */
const MESSAGE = /^([\w.-]+): (?:warning|error|detail|hint|notice|info|fatal|\[|NOTICE|WARNING)/i;

/** First bytes (Latin 1) of files that psql cannot read, with a filter that converts them. */
const OTHERS: readonly (readonly [start: string, what: string, filter: string | null])[] = [
  ['\xff\xfe', 'is UTF-16 text', 'iconv -f UTF-16 -t UTF-8'],
  ['\xfe\xff', 'is UTF-16 text', 'iconv -f UTF-16 -t UTF-8'],
  ['PK\x03\x04', 'is a zip archive', 'funzip'],
  ['\x1f\x8b', 'is compressed twice', 'gunzip'],
  ['\x28\xb5\x2f\xfd', 'is compressed twice', 'unzstd'],
  ['\x04\x22\x4d\x18', 'is compressed with lz4', 'unlz4'],
  ['Salted__', 'is encrypted with openssl', 'openssl enc -d -aes-256-cbc -pbkdf2'],
  ['U2FsdGVkX1', 'is encrypted with openssl', 'openssl enc -d -a -aes-256-cbc -pbkdf2'],
  ['age-encryption.org/', 'is encrypted with age', 'age --decrypt -i KEY_FILE'],
  ['-----BEGIN AGE ENCRYPTED FILE', 'is encrypted with age', 'age --decrypt -i KEY_FILE'],
  ['-----BEGIN PGP MESSAGE', 'is encrypted with gpg', 'gpg --decrypt'],
  ['7z\xbc\xaf\x27\x1c', 'is a 7z archive', null],
  ['-- MySQL dump', 'is a MySQL dump', null],
  ['-- MariaDB dump', 'is a MariaDB dump', null],
  ['SQLite format 3', 'is an SQLite database', null],
];

/**
 * Yields the text of a stored plain dump as psql reads it: uncompressed, without a byte order mark.
 *
 * @throws as {@link readInside}
 */
export async function* readPlainText(file: string, compression: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const bytes of readInside(file, compression, signal)) {
    if (head === null) yield bytes;
    else {
      head = Buffer.concat([head, bytes]);
      if (head.length < BYTE_ORDER_MARK.length) continue;
      yield withoutMark(head);
      head = null;
    }
  }
  if (head !== null && head.length > 0) yield head;
}

const withoutMark = (bytes: Buffer): Buffer =>
  bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;

/** Returns whether a text, without leading comments, starts like a PostgreSQL statement. */
export const isStatement = (text: string): boolean => STATEMENT.test(text);

/**
 * Refuses a file that psql cannot read, as its first bytes show. Names what it is and the command that converts it.
 *
 * @param file absolute
 * @param head the first uncompressed bytes
 * @throws E_UNFIT if it can be converted, else E_BACKUP_CORRUPT
 */
export function refuseOtherThanSql(file: string, compression: string, head: Buffer): void {
  const start = head.toString('latin1');
  const other = OTHERS.find(([first]) => start.startsWith(first));
  if (other !== undefined) throw otherFile(file, compression, other[1], other[2]);
  if (/^[\t\n\r -~]\0/.test(start)) throw otherFile(file, compression, 'is UTF-16 text', 'iconv -f UTF-16LE -t UTF-8');
  if (/^\0[\t\n\r -~]/.test(start)) throw otherFile(file, compression, 'is UTF-16 text', 'iconv -f UTF-16BE -t UTF-8');
  if (head.includes(0)) throw notADump(file, 'it is a binary file of an unknown format');
  const text = withoutMark(head).toString('utf8').trimStart();
  if (/^(?:--|\/\*|\\)/.test(text) || isStatement(text)) return;
  throw notSql(file, compression, text);
}

function otherFile(file: string, compression: string, what: string, filter: string | null): PotctlError {
  if (filter === null) return notADump(file, `it ${what}`);
  return new PotctlError('E_UNFIT', `'${path.basename(file)}' ${what}`, {
    why: 'potctl imports what psql or pg_restore can read',
    fix: [`Convert it, then import the result: \`${throughFilter(file, compression, filter)}\``],
  });
}

/** Returns a shell command that pipes the text of a dump through a filter into a file next to it. */
export function throughFilter(file: string, compression: string, filter: string): string {
  const { dir, name, ext } = path.parse(file);
  // `app.sql.zip` → `app.sql`, `app.sql` → `app.converted.sql`
  const to = path.join(dir, name.endsWith('.sql') ? name : `${name}.converted${ext === '.sql' ? ext : '.sql'}`);
  const unpack = { gzip: 'gunzip -c', zstd: 'unzstd -c' }[compression];
  const source = shellWord(file);
  return unpack === undefined
    ? `${filter} < ${source} > ${shellWord(to)}`
    : `${unpack} ${source} | ${filter} > ${shellWord(to)}`;
}

/**
 * Returns the error for text in place of a statement: a message on standard error, or anything else.
 *
 * @param file path or name of the dump
 * @param compression of that file
 * @param text the text at the start of the expected statement; truncated for the message
 */
export function notSql(file: string, compression: string, text: string): PotctlError {
  const line = text.split(/[\r\n]/, 1)[0]!.slice(0, 120);
  const program = MESSAGE.exec(line)?.[1];
  if (program === undefined) return notADump(file, `this is not SQL: ${JSON.stringify(line)}`);
  // Only before and after the dump itself: a row may start like a message.
  const sed = `sed -e '1,/^--/{/^${program}: /d;}' -e '/^-- PostgreSQL database dump complete/,\${/^${program}: /d;}'`;
  return new PotctlError('E_UNFIT', `'${path.basename(file)}' contains a message from ${program}`, {
    why: `${JSON.stringify(line)} is not SQL: the standard error of ${program} was redirected into the dump (2>&1)`,
    fix: [`Remove the message, then import the result: \`${throughFilter(file, compression, sed)}\``],
  });
}

const notADump = (file: string, why: string): PotctlError =>
  new PotctlError('E_BACKUP_CORRUPT', `'${path.basename(file)}' is not a PostgreSQL dump`, {
    why,
    fix: ['Name a file that pg_dump created, or a tar archive.'],
  });

/** Quotes a path as one word for a shell. */
function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
