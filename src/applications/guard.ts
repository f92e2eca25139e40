import { quoteIdentifier, quoteLiteral, quoteQualified } from '../postgres/identifiers.js';
import type { Application } from './application.js';

/** What `setup --guard-writes` puts on an application's tables, as SQL: a change by a support login is refused without the journal. */
export function guardSql({ name, mfa }: Application, schema: string): string | null {
  const guard = mfa?.guard;
  if (guard === undefined) return null;
  const triggers = guard.tables.map(({ table, columns, person }) => {
    const on = quoteQualified(schema, table);
    return `CREATE TRIGGER potctl_guard AFTER INSERT OR DELETE OR UPDATE OF ${columns.map(quoteIdentifier).join(', ')} ON ${on}
  FOR EACH ROW EXECUTE FUNCTION potctl.guard_write(${[name, person, guard.whose().trim()].map(quoteLiteral).join(', ')});
ALTER TABLE ${on} ENABLE ALWAYS TRIGGER potctl_guard;
`;
  });
  return `-- Second factors, locks and sessions of '${name}': what a login of support changes is refused without an entry in the journal, and of an
-- administrator or of the account of the login unless the entry says that the guard was broken.
${triggers.join('')}`;
}
