import { isUtf8 } from 'node:buffer';
import { PotctlError } from '../kernel/errors.js';
import type { DumpReader } from './dump-reader.js';
import { plainGuard } from './plain-guard.js';
import { isStatement, notSql, readPlainText, throughFilter } from './plain-text.js';
import { gatherSqlFacts, type SqlFacts } from './sql-facts.js';
import { createSqlLexer } from './sql-lexer.js';
import { checkMembersWhole } from './whole-members.js';

/** A stored dump that was created outside potctl. */
export interface StoredDump {
  /** The file, or the directory of format `directory`. */
  readonly path: string;
  readonly format: 'directory' | 'custom' | 'plain';
  /** Only for format `plain`: `gzip`, `zstd` or `none`. */
  readonly compression: string;
  /** The name that the operator knows, for messages. */
  readonly name: string;
}

/** What was read from a whole dump. */
export interface ScannedDump {
  readonly facts: SqlFacts;
  /** Bytes of the SQL text. */
  readonly textBytes: number;
}

/**
 * Reads a whole dump as SQL, with constant memory: row counts of every table, roles, extensions, sequences. This finds truncated and
 * damaged dumps, and whatever psql could not run: text that is not SQL, rows without a table, bytes that do not match the declared
 * encoding.
 *
 * @param reader null if pg_restore is not installed
 * @throws E_BACKUP_CORRUPT, E_UNFIT (with the command that converts it), E_REFUSED (a plain dump that affects more than its database),
 * E_TOOL_MISSING, E_TOOL_OLD, E_TOOL_FAILED; the signal's reason when aborted
 */
export async function scanDump(
  dump: StoredDump,
  reader: DumpReader | null,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<ScannedDump> {
  const { listener, ...gathered } = gatherSqlFacts();
  const guard = dump.format === 'plain' ? plainGuard(dump.name, dump.compression) : null;
  const lexer = createSqlLexer({
    ...listener,
    statement(text, tuples) {
      guard?.statement(text);
      return listener.statement(text, tuples);
    },
    command: (text) => guard?.command(text),
  });
  const encoding = checkEncoding(dump);
  let textBytes = 0;
  const take = (bytes: Buffer): void => {
    signal.throwIfAborted();
    lexer.push(bytes);
    encoding.check(bytes, gathered.encoding());
    textBytes += bytes.length;
    onBytes(bytes.length);
  };
  if (dump.format === 'plain')
    for await (const bytes of readPlainText(dump.path, dump.compression, signal)) take(bytes);
  else await readArchive(dump, reader, take);
  if (dump.format === 'directory') await checkMembersWhole(dump.path, signal);
  const facts = gathered.facts();
  if (facts.misfit !== null) throw misfit(dump.name, facts.misfit);
  const rest = lexer.rest();
  if (facts.complete && rest !== '' && !isStatement(rest)) throw notSql(dump.name, dump.compression, rest);
  if (!facts.complete || !lexer.isWhole()) throw cut(dump.name);
  if (facts.notCreated.length > 0 && facts.extensions.length === 0) throw dataOnly(dump, facts.notCreated);
  return { facts, textBytes };
}

async function readArchive(dump: StoredDump, reader: DumpReader | null, take: (bytes: Buffer) => void): Promise<void> {
  if (reader !== null) return reader.script(dump.path, take);
  throw new PotctlError('E_TOOL_MISSING', `cannot read the dump '${dump.name}': pg_restore is not installed`);
}

/** Checks the bytes of a script against the encoding that it declares; only UTF-8 forbids some. */
function checkEncoding(dump: StoredDump): { check(bytes: Buffer, encoding: string): void } {
  // A character may be split between two pieces.
  let kept: Buffer = Buffer.alloc(0);
  let before = 0;
  return {
    check(bytes, encoding) {
      if (!/^utf-?8$|^unicode$/i.test(encoding)) {
        kept = Buffer.alloc(0);
      } else {
        const text = kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
        const whole = text.length - openCharacter(text);
        if (!isUtf8(text.subarray(0, whole))) throw otherEncoding(dump, before);
        kept = Buffer.from(text.subarray(whole));
      }
      if (bytes.includes(0)) throw zeroByte(dump.name, before + bytes.indexOf(0));
      before += bytes.length;
    },
  };
}

/** Returns the number of bytes at the end that start an incomplete UTF-8 character. */
function openCharacter(text: Buffer): number {
  for (let back = 1; back <= Math.min(3, text.length); back += 1) {
    const byte = text[text.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

function otherEncoding({ name, format, compression }: StoredDump, near: number): PotctlError {
  const sed = `sed "s/^SET client_encoding = 'UTF8';/SET client_encoding = 'LATIN1';/"`;
  return new PotctlError('E_UNFIT', `the dump '${name}' is not in the encoding that it declares`, {
    why: `it declares UTF8, but has bytes that are not UTF-8 near byte ${near} of its text; PostgreSQL refuses them`,
    fix:
      format === 'plain'
        ? [
            'Find out its real encoding.',
            `If that is Latin 1, declare it, then import the result: \`${throughFilter(name, compression, sed)}\``,
          ]
        : [`Convert it to SQL, then import that file: \`pg_restore --file=${name}.sql ${name}\``],
  });
}

function zeroByte(name: string, at: number): PotctlError {
  return new PotctlError('E_BACKUP_CORRUPT', `the dump '${name}' is damaged`, {
    why: `byte ${at} of its text is zero, which PostgreSQL text never contains`,
  });
}

function misfit(name: string, { schema, table, row, columns, expected }: NonNullable<SqlFacts['misfit']>): PotctlError {
  return new PotctlError('E_BACKUP_CORRUPT', `the dump '${name}' is damaged`, {
    why: `row ${row} of ${schema}.${table} has ${columns} columns, but its COPY names ${expected}`,
  });
}

function dataOnly({ name }: StoredDump, tables: readonly string[]): PotctlError {
  const more = tables.length > 3 ? ` and ${tables.length - 3} more` : '';
  return new PotctlError('E_UNFIT', `the dump '${name}' has rows but no tables`, {
    why: `it has rows of ${tables.slice(0, 3).join(', ')}${more} but does not create these tables: it was dumped with --data-only`,
    fix: [
      'Dump again without --data-only: `pg_dump -Fc -f FILE NAME`',
      'Or put the schema before the rows, then import that: `cat schema.sql data.sql > whole.sql`',
    ],
  });
}

function cut(name: string): PotctlError {
  return new PotctlError('E_BACKUP_CORRUPT', `the dump '${name}' is incomplete`, {
    why: 'the last line of every dump, "PostgreSQL database dump complete", is missing: it was truncated, or pg_dump did not create it',
  });
}
