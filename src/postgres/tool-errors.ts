import type { ChildEnd } from '../kernel/child.js';
import { ERROR_CATALOG, type ErrorCode } from '../kernel/error-catalog.js';
import { type ErrorFacts, PotctlError } from '../kernel/errors.js';
import { type Advice, advice, potctl } from '../kernel/next.js';
import { redact } from '../kernel/secret.js';
import { LOCKS_ARE_FULL, SERVER_IS_FULL, tooManyConnections } from './errors.js';

const WHY_LINES = 16;

/** Lines of a tool's output that say what went wrong and where; the rest is progress output. */
export const TELLING =
  /(error|fatal|detail|hint|query|warning|context):|No space left|^Command was: |^pg_restore: from TOC entry |\bfunction .+ line \d+ at |^SQL (function|statement) "/i;

interface Rule {
  readonly code: ErrorCode;
  readonly pattern: RegExp;
  message(match: RegExpExecArray, tool: string): string;
  readonly fix?: readonly Advice[] | ((match: RegExpExecArray) => readonly Advice[]);
}

/** In this order: a full disk explains every error that follows from it, and if the server reports one, it is the server's disk. */
const RULES: readonly Rule[] = [
  {
    code: 'E_NO_SPACE',
    // The last alternative is the only message that a new session receives.
    pattern:
      /(?:ERROR|FATAL|PANIC): .*(?:No space left on device|Disk quota exceeded)|could not extend file|could not write init file/,
    message: (_, tool) => `the server is out of disk space: '${tool}' failed`,
    fix: SERVER_IS_FULL,
  },
  {
    code: 'E_NO_SPACE',
    pattern: /No space left on device|Disk quota exceeded/,
    message: (_, tool) => `out of disk space: '${tool}' failed`,
  },
  {
    code: 'E_UNFIT',
    // If the lock table is full, a worker reports only that it got no lock.
    pattern: /(?:ERROR|FATAL): +out of shared memory/,
    message: (_, tool) => `the lock table of the server is full: '${tool}' failed`,
    fix: LOCKS_ARE_FULL,
  },
  {
    code: 'E_UNFIT',
    pattern: /FATAL: +((?:too many connections for|remaining connection slots|sorry, too many clients).*)/,
    message: ([, text], tool) => `'${tool}' got no connection: ${text}`,
    fix: ([, text]) => tooManyConnections(text ?? ''),
  },
  {
    code: 'E_UNFIT',
    pattern: /cannot execute .* in a read-only transaction/,
    message: ([text]) => `the server rejects changes by this role: ${text}`,
    fix: [
      'If the role is read-only: `ALTER ROLE … RESET default_transaction_read_only;`',
      'If the server is a standby: use the primary.',
    ],
  },
  {
    code: 'E_TOOL_OLD',
    pattern: /aborting because of server version mismatch|unsupported version \([\d.]+\) in file header/,
    message: (_, tool) => `'${tool}' is too old for this server or file`,
  },
  {
    code: 'E_DB_DENIED',
    pattern: /query would be affected by row-level security policy for (?:table|relation) (.+)/,
    message: ([, table]) => `row-level security hides rows of ${table} from this role, so the dump would be incomplete`,
    fix: [
      advice`Back up as a superuser, or with a dedicated role that has BYPASSRLS: ${potctl('grants', 'sql', '--role', 'backup')}`,
      'Or, if the role owns the table: `alter table NAME no force row level security`.',
    ],
  },
  {
    code: 'E_DB_DENIED',
    pattern: /permission denied (?:for|to) (.+)/,
    message: ([, object]) => `permission denied for ${object}`,
    fix: [
      'Use the owner or a superuser, or grant the missing privilege.',
      advice`For backups, create a role that can read every table: ${potctl('grants', 'sql', '--role', 'backup')}`,
    ],
  },
  {
    code: 'E_DB_DENIED',
    pattern:
      /password authentication failed.*|no password supplied|no pg_hba\.conf entry.*|authentication failed.*|role ".*" is not permitted to log in/,
    message: ([text]) => `the server rejected the login: ${text}`,
  },
  {
    code: 'E_DB_LOCKED',
    pattern: /canceling statement due to lock timeout|could not obtain lock on relation (.+)/,
    message: ([, table]) => `a lock was not granted in time${table === undefined ? '' : ` on ${table}`}`,
    // A worker of pg_dump reports the same if the lock table of the server is full.
    fix: ([, table]) => [
      ...ERROR_CATALOG.E_DB_LOCKED.remedy,
      ...(table === undefined
        ? []
        : [advice`If no session holds it, check whether the lock table of the server is full: ${potctl('doctor')}`]),
    ],
  },
  {
    code: 'E_DATABASE_NOT_FOUND',
    pattern: /database (".*") does not exist/,
    message: ([, database]) => `the database ${database} does not exist`,
  },
  {
    code: 'E_DB_UNREACHABLE',
    pattern:
      /server closed the connection unexpectedly|terminating connection due to .*|could not connect to server.*|connection to server .* failed.*|no connection to the server|the database system is .*|Connection refused/,
    message: ([text]) => `the connection to the server was lost: ${text}`,
  },
];

/**
 * Explains a PostgreSQL tool's failure to the operator, based on its stderr; the tools have no distinct exit codes.
 *
 * @param stderr its last lines, in the C locale
 */
export function toToolError(tool: string, end: ChildEnd, stderr: readonly string[] = end.stderrTail): PotctlError {
  if (end.startError !== null) {
    return new PotctlError('E_TOOL_FAILED', `'${tool}' could not be started`, { why: end.startError });
  }
  const text = stderr.join('\n');
  for (const { code, pattern, message, fix } of RULES) {
    const match = pattern.exec(text);
    if (match)
      return new PotctlError(
        code,
        redact(message(match, tool)),
        facts(end, stderr, typeof fix === 'function' ? fix(match) : fix),
      );
  }
  const how = end.signal === null ? `failed with exit code ${end.exitCode}` : `was killed by ${end.signal}`;
  return new PotctlError('E_TOOL_FAILED', `'${tool}' ${how}`, facts(end, stderr));
}

function facts(end: ChildEnd, stderr: readonly string[], fix?: readonly Advice[]): ErrorFacts {
  const lines = stderr.filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => TELLING.test(line) || /error|fatal/i.test(line));
  const shown = (telling.length > 0 ? telling : lines).slice(-WHY_LINES);
  const why =
    shown.length > 0 ? redact(shown.map(withoutRow).join('\n')) : `exit code ${end.exitCode}, signal ${end.signal}`;
  return { why, ...(fix === undefined ? {} : { fix }) };
}

/** Removes row content from a line: messages never contain it, only its location. */
export function withoutRow(line: string): string {
  return line
    .replace(/\b(COPY .+?, line \d+(?:, column .+?)?)(?:: .*)?$/, '$1')
    .replace(/(Failing row contains) \(.*/, '$1 (…)');
}
