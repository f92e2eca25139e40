import { randomBytes } from 'node:crypto';
import { threeDPot } from '../../src/applications/3dpot.js';
import { native } from '../../src/applications/native.js';
import { viu } from '../../src/applications/viu.js';
import type { TestDatabase } from './database.js';
import type { Form } from './mfa.js';

const TABLES = { '3dpot': threeDPot.tables, viu: viu.tables, native: native.tables };

/** A role that may log in, and do what a change of a second factor needs, column by column: no superuser, no owner. */
export async function plainRole({
  database: { query },
  form,
}: {
  readonly database: TestDatabase;
  readonly form: Form;
}): Promise<{ readonly name: string; drop(): Promise<void> }> {
  const name = `support_${randomBytes(4).toString('hex')}`;
  const schema = form === 'native' ? 'potctl_app' : 'public';
  const quoted = (columns: readonly string[]): string => columns.map((column) => `"${column}"`).join(', ');
  await query(`create role ${name} login; grant usage on schema potctl, ${schema} to ${name};
    grant select on all tables in schema potctl to ${name}; grant execute on all functions in schema potctl to ${name}`);
  for (const { name: table, columns, updates, inserts, deletes } of TABLES[form as keyof typeof TABLES]) {
    const all = quoted(Object.keys(columns));
    await query(`grant select (${all}) on ${schema}.${table} to ${name}`);
    if (updates) await query(`grant update (${quoted(updates)}) on ${schema}.${table} to ${name}`);
    if (inserts) await query(`grant insert (${all}) on ${schema}.${table} to ${name}`);
    if (deletes) await query(`grant delete on ${schema}.${table} to ${name}`);
  }
  if (form === 'native') {
    await query(`grant execute on all functions in schema potctl_app to ${name};
      grant update (secret) on potctl_app.mfa_factors to ${name}; grant select on potctl_app.users to ${name}`);
  }
  return {
    name,
    async drop() {
      await query(`drop owned by ${name}; drop role ${name}`);
    },
  };
}
