import { PotctlError } from '../kernel/errors.js';
import { isStatement, notSql } from './plain-text.js';
import type { SqlListener } from './sql-lexer.js';

/** Statements that affect more than the database they run in, or files of the server. */
const BEYOND: readonly (readonly [RegExp, string])[] = [
  [/^(?:CREATE|DROP|ALTER) DATABASE\b/i, 'it creates, drops or alters a database'],
  [/^(?:CREATE|DROP|ALTER) (?:ROLE|USER(?! MAPPING)|GROUP)\b/i, 'it creates, drops or alters roles'],
  [/^(?:CREATE|DROP|ALTER) TABLESPACE\b/i, 'it creates, drops or alters tablespaces'],
  [/^ALTER SYSTEM\b/i, 'it changes the settings of the server'],
  [/^COPY\b(?!.*\bFROM stdin\b)/is, 'it contains a COPY that reads or writes files or programs of the server'],
  [/\bstandard_conforming_strings\s*(?:=|TO)(?!\s*'?on'?\s*$)/i, 'it changes how strings are parsed'],
];

/**
 * Returns a guard that refuses what is not SQL and what is unsafe in a script that is restored into its own database: psql's backslash
 * commands (`\!` runs programs, `\connect` changes the database), and statements that affect more than the database. pg_dump writes none of
 * them unless told to.
 *
 * The dump's own `\restrict` and `\unrestrict` are harmless; they are left out when it is run.
 *
 * @param name of the file, for messages
 * @param compression of the file
 */
export function plainGuard(
  name: string,
  compression: string,
): Pick<SqlListener, 'command'> & { statement(text: string): void } {
  return {
    command(text) {
      if (/^\\(?:un)?restrict [A-Za-z0-9]+\r?$/.test(text)) return;
      const [word = ''] = /^\\\S{0,20}/.exec(text) ?? [];
      throw refused(
        name,
        word === '\\connect' || word === '\\c'
          ? 'it connects to another database'
          : `it contains the psql command '${word}'`,
      );
    },
    statement(text) {
      if (!isStatement(text)) throw notSql(name, compression, text);
      const words = text.replace(/\s+/g, ' ');
      const why = BEYOND.find(([pattern]) => pattern.test(words))?.[1];
      if (why !== undefined) throw refused(name, why);
    },
  };
}

function refused(name: string, why: string): PotctlError {
  return new PotctlError('E_REFUSED', `the dump '${name}' is not safe to run`, {
    why: `${why}; potctl restores into a staging database, and a dump must not affect anything else`,
    fix: [
      'Dump again without --create and --clean, and one database instead of pg_dumpall: `pg_dump -Fc -f FILE NAME`',
      'Or run it with psql on a temporary server, and import a dump of the result.',
    ],
  });
}
