import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { connect, freshDatabase, inMaintenance, quote } from '../support/database.js';
import { potctl } from '../support/run-cli.js';
import { describeTree, makeTree, temporaryFolder } from '../support/tree.js';

test('brings database and files back, also when both are gone, and undo takes them away again', async () => {
  const database = await freshDatabase({ schema: 'create table t as select generate_series(1, 1000) i' });
  const files = await makeTree({ 'a.txt': 'alpha', sub: { 'b.txt': 'beta' } });
  const repository = path.join(await temporaryFolder(), 'repository');
  const where = ['--files', files, '--repository', repository];
  const env = { PGDATABASE: database.name };
  const before = await describeTree(files);
  expect(await potctl(['backup', 'create', ...where], { env })).toMatchObject({ exitCode: 0 });

  await database.client.end();
  await inMaintenance((client) => client.query(`drop database ${quote(database.name)}`));
  await rm(files, { recursive: true });
  const restored = await potctl(['restore', 'run', 'latest', ...where, '--confirm', database.name], { env });

  expect(restored.exitCode).toBe(0);
  expect(await rows(database.name)).toBe(1000);
  expect(await describeTree(files)).toEqual(before);

  const undone = await potctl(['restore', 'undo', ...where, '--confirm', database.name], { env });
  expect(undone.exitCode).toBe(0);
  await expect(rows(database.name)).rejects.toThrow('does not exist');
});

async function rows(name: string): Promise<number> {
  const client = await connect(name);
  try {
    return (await client.query<{ n: number }>('select count(*)::int as n from t')).rows[0]!.n;
  } finally {
    await client.end();
  }
}
