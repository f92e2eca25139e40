import { quoteIdentifier, quoteLiteral, quoteQualified } from '../postgres/identifiers.js';
import type { Application } from './application.js';

/** Returns the SQL for `setup --guard-writes`: triggers that refuse a change by a support login without a journal entry. */
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
  return `-- Second factors, locks and sessions of '${name}': changes by a support login are refused without a journal entry; changes of an
-- administrator or of the login's own account are refused unless the entry records --break-glass.
${triggers.join('')}`;
}
