import { quoteIdentifier, quoteLiteral, quoteQualified } from '../postgres/identifiers.js';
import type { Application } from './application.js';

/** What `setup --guard-writes` puts on an application's table, as SQL: a change by a support login is refused without the journal. */
export function guardSql({ name, guard }: Application, schema: string): string | null {
  if (guard === undefined) return null;
  const { table, columns, person, admin, names } = guard;
  const on = quoteQualified(schema, table);
  const marks = [name, person, ...admin.map((pair) => pair.join('=')), ...names.map((column) => `@${column}`)];
  return `-- Secrets and codes of '${name}': what a login of support changes is refused without an entry in the journal.
CREATE TRIGGER potctl_guard AFTER INSERT OR DELETE OR UPDATE OF ${columns.map(quoteIdentifier).join(', ')} ON ${on}
  FOR EACH ROW EXECUTE FUNCTION potctl.guard_write(${marks.map(quoteLiteral).join(', ')});
ALTER TABLE ${on} ENABLE ALWAYS TRIGGER potctl_guard;
`;
}
