import { PotctlError } from '../kernel/errors.js';
import { sqlstateOf } from '../postgres/errors.js';
import { quoteLiteral } from '../postgres/identifiers.js';
import type { Session } from '../postgres/server.js';

const WRITES = /^\s*(with\b.*\(\s*)?(insert into|update|delete from)\b/is;
const RESULT = 'potctl.written';

/** Takes only the name of the innermost function from an error context: the rest may contain values. */
const FUNCTION = 'PL/pgSQL function ((?!inline_code_block)[^\\n]*?\\)) line';
/** Undefined table, function, object, schema: errors of a name that relies on the search_path. */
const UNRESOLVED = ['42P01', '42883', '42704', '3F000'];

/** Returns whether the statement writes rows. */
export const isWrite = (sql: string): boolean => WRITES.test(sql);

/**
 * Runs a statement so that the server does not log the row if a constraint refuses it: `Failing row contains (…)` would show every column
 * that was written or that the role may read, and only a superuser can turn that off. The error is caught and raised again with its code and
 * message, but without its detail.
 *
 * @returns the columns after `returning`, as JSON values; without it one row `{ written }`, the number of rows
 */
export async function writeQuietly<Row extends object>(
  session: Session,
  sql: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const statement = sql.replace(/\$(\d+)/g, (_, place: string) => literal(values[Number(place) - 1]));
  const returns = /\breturning\b/i.test(sql);
  const read = `with written as (${statement}) select coalesce(json_agg(written), '[]')::text from written`;
  const body = `
declare
  written text;
  place text;
begin
  execute ${quoteLiteral(returns ? read : statement)}${returns ? ' into written' : ''};
  ${returns ? '' : 'get diagnostics written = row_count;'}
  perform pg_catalog.set_config('${RESULT}', written, true);
exception when others then
  get stacked diagnostics place = pg_exception_context;
  raise exception using errcode = sqlstate, message = sqlerrm, hint = coalesce(substring(place from '${FUNCTION}'), '');
end`;
  await session.query(`do ${quoteLiteral(body)}`).catch((error: unknown) => {
    throw nameTrigger(error);
  });
  const [row] = await session.query<{ rows: string }>(`select pg_catalog.current_setting('${RESULT}') as rows`);
  return returns ? JSON.parse(row!.rows) : ([{ written: Number(row!.rows) }] as unknown as Row[]);
}

/** Names a trigger function that relies on the application's search_path, which potctl's sessions do not set. */
function nameTrigger(error: unknown): unknown {
  if (!(error instanceof PotctlError) || !UNRESOLVED.includes(sqlstateOf(error) ?? '')) return error;
  const name = error.cause instanceof Error && 'hint' in error.cause ? String(error.cause.hint ?? '') : '';
  if (name === '') return error;
  return error.with({
    changed: 'nothing',
    fix: [
      `The application's ${name} uses names without a schema. Ask its owner to run: ALTER FUNCTION ${name} SET search_path = SCHEMA, pg_temp;`,
    ],
  });
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (!Array.isArray(value)) return quoteLiteral(String(value));
  const items = value.map((item) => `"${String(item).replace(/["\\]/g, '\\$&')}"`);
  return quoteLiteral(`{${items.join(',')}}`);
}
