import type { ChildEnd } from '../kernel/child.js';
import { ERROR_CATALOG, type ErrorCode } from '../kernel/error-catalog.js';
import { type ErrorFacts, PotctlError } from '../kernel/errors.js';
import { type Advice, advice, potctl } from '../kernel/next.js';
import { redact } from '../kernel/secret.js';
import { LOCKS_ARE_FULL, SERVER_IS_FULL, tooManyConnections } from './errors.js';

const WHY_LINES = 16;

/** Lines of a tool that say what went wrong and where: the rest is what it is doing. */
export const TELLING =
  /(error|fatal|detail|hint|query|warning|context):|No space left|^Command was: |^pg_restore: from TOC entry |\bfunction .+ line \d+ at |^SQL (function|statement) "/i;

interface Rule {
  readonly code: ErrorCode;
  readonly pattern: RegExp;
  message(match: RegExpExecArray, tool: string): string;
  readonly fix?: readonly Advice[] | ((match: RegExpExecArray) => readonly Advice[]);
}

/** In this order: a full disk explains every error that follows from it, and where the server complains of one, it is the server's. */
const RULES: readonly Rule[] = [
  {
    code: 'E_NO_SPACE',
    // The last is all that a new session gets to hear.
    pattern:
      /(?:ERROR|FATAL|PANIC): .*(?:No space left on device|Disk quota exceeded)|could not extend file|could not write init file/,
    message: (_, tool) => `the disk of the server is full: '${tool}' could not go on`,
    fix: SERVER_IS_FULL,
  },
  {
    code: 'E_NO_SPACE',
    pattern: /No space left on device|Disk quota exceeded/,
    message: (_, tool) => `the disk is full: '${tool}' could not go on`,
  },
  {
    code: 'E_UNFIT',
    // A worker that gets no lock for want of room says only that it got none.
    pattern: /(?:ERROR|FATAL): +out of shared memory/,
    message: (_, tool) => `the lock table of the server is full: '${tool}' could not go on`,
    fix: LOCKS_ARE_FULL,
  },
  {
    code: 'E_UNFIT',
    pattern: /FATAL: +((?:too many connections for|remaining connection slots|sorry, too many clients).*)/,
    message: ([, text], tool) => `'${tool}' got no further connection: ${text}`,
    fix: ([, text]) => tooManyConnections(text ?? ''),
  },
  {
    code: 'E_UNFIT',
    pattern: /cannot execute .* in a read-only transaction/,
    message: ([text]) => `the server takes no changes from this role: ${text}`,
    fix: [
      'Where the role is set so: `ALTER ROLE … RESET default_transaction_read_only;`',
      'Where the server is a standby: name the primary.',
    ],
  },
  {
    code: 'E_TOOL_OLD',
    pattern: /aborting because of server version mismatch|unsupported version \([\d.]+\) in file header/,
    message: (_, tool) => `'${tool}' is older than what it has to read`,
  },
  {
    code: 'E_DB_DENIED',
    pattern: /query would be affected by row-level security policy for (?:table|relation) (.+)/,
    message: ([, table]) => `row level security hides rows of ${table} from this role, so the dump would be incomplete`,
    fix: [
      advice`Back up as a superuser, or with a role of its own that has BYPASSRLS: ${potctl('grants', 'sql', '--role', 'backup')}`,
      'Or, where the role owns the table: `alter table NAME no force row level security`.',
    ],
  },
  {
    code: 'E_DB_DENIED',
    pattern: /permission denied (?:for|to) (.+)/,
    message: ([, object]) => `permission denied for ${object}`,
    fix: [
      'Use the owner or a superuser, or grant what is missing.',
      advice`For backups, a role of its own reads every table: ${potctl('grants', 'sql', '--role', 'backup')}`,
    ],
  },
  {
    code: 'E_DB_DENIED',
    pattern:
      /password authentication failed.*|no password supplied|no pg_hba\.conf entry.*|authentication failed.*|role ".*" is not permitted to log in/,
    message: ([text]) => `the server refused the login: ${text}`,
  },
  {
    code: 'E_DB_LOCKED',
    pattern: /canceling statement due to lock timeout|could not obtain lock on relation (.+)/,
    message: ([, table]) => `a lock was not granted in time${table === undefined ? '' : ` on ${table}`}`,
    // A worker of pg_dump says no more than that, also where the lock table of the server is full.
    fix: ([, table]) => [
      ...ERROR_CATALOG.E_DB_LOCKED.remedy,
      ...(table === undefined
        ? []
        : [advice`If nobody holds it, see whether the server has room for locks: ${potctl('doctor')}`]),
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
    message: ([text]) => `the connection to the server broke: ${text}`,
  },
];

/**
 * What a PostgreSQL tool's end means to the operator, read from its stderr; the tools know no exit codes.
 *
 * @param stderr its last lines, in the locale C
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
  const how = end.signal === null ? `with exit code ${end.exitCode}` : `by signal ${end.signal}`;
  return new PotctlError('E_TOOL_FAILED', `'${tool}' ended ${how}`, facts(end, stderr));
}

function facts(end: ChildEnd, stderr: readonly string[], fix?: readonly Advice[]): ErrorFacts {
  const lines = stderr.filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => TELLING.test(line) || /error|fatal/i.test(line));
  const shown = (telling.length > 0 ? telling : lines).slice(-WHY_LINES);
  const why =
    shown.length > 0 ? redact(shown.map(withoutRow).join('\n')) : `exit code ${end.exitCode}, signal ${end.signal}`;
  return { why, ...(fix === undefined ? {} : { fix }) };
}

/** What stood in a row belongs in no message: the place of it is enough. */
export function withoutRow(line: string): string {
  return line
    .replace(/\b(COPY .+?, line \d+(?:, column .+?)?)(?:: .*)?$/, '$1')
    .replace(/(Failing row contains) \(.*/, '$1 (…)');
}
