import { expect, test } from 'vitest';
import { freshDatabase } from '../../support/database.js';

test('a fresh database is UTF-8 with locale C and allows hostile names', async () => {
  const { query, name } = await freshDatabase({ name: '3d"pot; drop \'ñ', schema: '3dpot' });

  expect(
    await query(
      `select datname, pg_encoding_to_char(encoding) as encoding, datcollate from pg_database where datname = $1`,
      [name],
    ),
  ).toEqual([{ datname: name, encoding: 'UTF8', datcollate: 'C' }]);
  expect(
    await query(`select count(*)::int as tables from information_schema.tables where table_schema = 'public'`),
  ).toEqual([{ tables: 4 }]);
});
