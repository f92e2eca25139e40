import { PotctlError } from '../../errors.js';
import { readInside } from '../files/decompress.js';
import type { DumpReader } from '../verify.js';
import { plainGuard } from './plain-guard.js';
import { gatherSqlFacts, type SqlFacts } from './sql-facts.js';
import { createSqlLexer } from './sql-lexer.js';

/** A stored dump of another program. */
export interface StoredDump {
  /** The file, or the directory of format `directory`. */
  readonly path: string;
  readonly format: 'directory' | 'custom' | 'plain';
  /** Of format `plain`: `gzip`, `zstd` or `none`. */
  readonly compression: string;
  /** As the operator knows it, for messages. */
  readonly name: string;
}

/** What a whole dump says, read to its end. */
export interface ScannedDump {
  readonly facts: SqlFacts;
  /** Bytes of the SQL text. */
  readonly textBytes: number;
}

/**
 * Reads a dump as SQL to its end, with flat memory: rows of every table, roles, extensions, sequences. A dump that is cut or damaged is
 * found by that.
 *
 * @param reader null where pg_restore is not installed
 * @throws E_BACKUP_CORRUPT, E_REFUSED (a plain dump that reaches out of its database), E_TOOL_MISSING, E_TOOL_OLD, E_TOOL_FAILED; the
 * signal's reason when aborted
 */
export async function scanDump(
  dump: StoredDump,
  reader: DumpReader | null,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<ScannedDump> {
  const { listener, facts } = gatherSqlFacts();
  const guard = dump.format === 'plain' ? plainGuard(dump.name) : null;
  const lexer = createSqlLexer({
    ...listener,
    statement(text, tuples) {
      guard?.statement(text);
      return listener.statement(text, tuples);
    },
    command: (text) => guard?.command(text),
  });
  let textBytes = 0;
  const take = (bytes: Buffer): void => {
    signal.throwIfAborted();
    lexer.push(bytes);
    textBytes += bytes.length;
    onBytes(bytes.length);
  };
  if (dump.format === 'plain') for await (const bytes of readInside(dump.path, dump.compression, signal)) take(bytes);
  else await readArchive(dump, reader, take);
  const found = facts();
  if (!found.complete || !lexer.isWhole()) throw cut(dump.name);
  return { facts: found, textBytes };
}

async function readArchive(dump: StoredDump, reader: DumpReader | null, take: (bytes: Buffer) => void): Promise<void> {
  if (reader !== null) return reader.script(dump.path, take);
  throw new PotctlError('E_TOOL_MISSING', `cannot read the dump '${dump.name}': pg_restore is not installed`);
}

function cut(name: string): PotctlError {
  return new PotctlError('E_BACKUP_CORRUPT', `the dump '${name}' is not whole`, {
    why: 'the line that pg_dump writes last, "PostgreSQL database dump complete", is missing: it was cut, or pg_dump did not make it',
  });
}
