import { expect, test } from 'vitest';
import { openApplication } from '../../../src/applications/open.js';
import { listSql, type MfaFilter } from '../../../src/mfa/list.js';
import { requireMfa } from '../../../src/mfa/supported.js';
import { type Form, mfaSite } from '../../support/mfa.js';
import { openTestServer } from '../../support/server.js';

const PAGE: MfaFilter = {
  ...{ state: null, role: null, required: false, missing: false, organization: null, after: null, limit: 20 },
};

const FILL: Readonly<Partial<Record<Form, string>>> = {
  '3dpot': `insert into users (id, email, username, full_name, hashed_password, is_active, is_superuser, role, created_at, updated_at)
            select gen_random_uuid(), n || '@x', n, 'U', 'x', true, false, 'user', now(), now() from generate_series(1, 3000) n`,
  viu: `insert into usuarios (id, email, nome, senha, tipo, "criadoEm", "atualizadoEm")
        select md5(n::text), n || '@x', 'U', 'x', 'DESIGNER', now(), now() from generate_series(1, 3000) n`,
  native: `insert into potctl_app.users (id, email, username, full_name, role, created_at, updated_at)
           select gen_random_uuid(), n || '@x', n, 'U', 'user', now(), now() from generate_series(1, 3000) n`,
};

interface Plan {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly Plans?: readonly Plan[];
}

/** The most rows that any step of it took from a table. */
const mostRead = (plan: Plan): number =>
  Math.max(plan['Relation Name'] === undefined ? 0 : plan['Actual Rows'], ...(plan.Plans ?? []).map(mostRead));

test.each(Object.keys(FILL) as Form[])('%s: a page of a list reads only the users that it shows', async (form) => {
  const site = await mfaSite(form, { version: 0 });
  await site.database.query(FILL[form]!);
  await site.database.query('vacuum analyze');
  const server = openTestServer(site.database.name);
  const database = requireMfa(await openApplication(server, { name: 'auto', schema: null }, 'test'));
  const session = await database.session('test');

  for (const readsSecrets of [true, false]) {
    const sql = listSql({ ...database, readsSecrets }, { ...PAGE, blocked: [] });
    const [row] = await session.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`explain (analyze, format json) ${sql}`);
    expect(mostRead(row!['QUERY PLAN'][0].Plan)).toBeLessThanOrEqual(40);
  }
});
