import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { DatabasePart } from '../../catalog/manifest.js';
import { plainGuard } from '../../dump/plain-guard.js';
import { readPlainText } from '../../dump/plain-text.js';
import { isCopy } from '../../dump/sql-facts.js';
import { createSqlLexer } from '../../dump/sql-lexer.js';
import { PotctlError } from '../../kernel/errors.js';
import type { Server } from '../../postgres/server.js';
import { quoteConninfo } from './conninfo.js';
import { writableEnvironment } from './writable.js';

/** Since these minor versions psql supports `\restrict`, after which a script cannot use backslash commands. */
const RESTRICTS: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };

/**
 * Restores a plain dump into the empty database with psql; stops at the first error unless told to continue. Every byte is checked again
 * while it is sent: backslash commands and statements that affect anything outside the database are refused.
 *
 * @throws E_REFUSED, E_TOOL_OLD (psql lacks \restrict), E_BACKUP_CORRUPT, E_TOOL_*, E_DB_*, E_NO_SPACE
 */
export async function runPlainDump(
  server: Server,
  request: {
    readonly name: string;
    readonly folder: string;
    readonly part: DatabasePart;
    readonly continuePastErrors: boolean;
    readonly onStderrLine: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { name, folder, part, continuePastErrors, onStderrLine, signal } = request;
  refuseUnrestricted(await server.tool('psql'));
  const file = path.join(folder, part.backup_file);
  const compression = /\.gz$/.test(file) ? 'gzip' : /\.zst$/.test(file) ? 'zstd' : 'none';
  const key = randomBytes(16).toString('hex');
  const args = [
    '--no-psqlrc',
    '--quiet',
    `--set=ON_ERROR_STOP=${continuePastErrors ? 0 : 1}`,
    '--file=-',
    `--dbname=dbname=${quoteConninfo(name)}`,
  ];
  const environment = await writableEnvironment(server, name);
  await server.runTool('psql', args, {
    database: name,
    signal,
    environment,
    onStderrLine,
    async feed(write) {
      const guard = plainGuard(part.backup_file, compression);
      const lexer = createSqlLexer({
        statement(text) {
          guard.statement(text);
          return isCopy(text);
        },
        command: guard.command,
        row() {},
        comment() {},
      });
      await write(Buffer.from(`\\restrict ${key}\n`));
      for await (const bytes of readPlainText(file, compression, signal)) {
        for (const run of lexer.push(bytes)) await write(run);
      }
      await write(Buffer.from(`\n\\unrestrict ${key}\n`));
    },
  });
}

function refuseUnrestricted({ version, major }: Awaited<ReturnType<Server['tool']>>): void {
  const minor = Number(version.split('.')[1] ?? 0);
  const needed = RESTRICTS[major];
  if (major > 17 || (needed !== undefined && minor >= needed)) return;
  throw new PotctlError('E_TOOL_OLD', `psql ${version} is too old to run a plain dump safely`, {
    why: 'it lacks \\restrict (CVE-2025-8714), which prevents a malicious dump from running programs on this machine',
    fix: ['Install the newest minor version of the PostgreSQL client.'],
  });
}
