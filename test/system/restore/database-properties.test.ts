import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  createDatabaseStatements,
  propertyStatements,
  readDatabaseProperties,
} from '../../../src/dump/database-properties.js';
import type { Server } from '../../../src/postgres/server.js';
import { freshDatabase, inMaintenance, quote } from '../../support/database.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const signal = new AbortController().signal;

test('a database created from recorded properties equals the original in pg_dump --create, except for its name', async () => {
  const folder = await temporaryFolder();
  const objects = await freshDatabase({ schema: 'all-objects' });
  const server = openTestServer(objects.name);
  const copy = `${objects.name}_before_x`;
  await recreate(server, objects.name, copy);

  expect((await createText(server, copy, folder)).replaceAll(copy, 'NAME')).toBe(
    (await createText(server, objects.name, folder)).replaceAll(objects.name, 'NAME'),
  );
});

test('a hostile database name gets the same settings, comment, limit and grants', async () => {
  const objects = await freshDatabase({ schema: 'all-objects' });
  const server = openTestServer(objects.name);
  const copy = `${objects.name}_restore_'"\\; -ñ`;
  await recreate(server, objects.name, copy);

  const original = await properties(server, objects.name);
  expect(await properties(server, copy)).toEqual(original);
  expect(original.settings).toHaveLength(5);
  expect(original).toMatchObject({
    connection_limit: 50,
    comment: "it's a \\ objects\nfor tests",
    has_public_schema: true,
  });
});

test('encoding, locale, owner, template flag and grants by roles other than the owner are restored', async () => {
  const original = await freshDatabase({ options: `template template0 encoding 'LATIN1' locale 'C' is_template true` });
  const [owner, between, last] = ['owner', 'between', 'last'].map((word) => `${word} "${original.name}`);
  const copy = `${original.name}_restore_x`;
  await inMaintenance(async (client) => {
    for (const role of [owner, between, last]) await client.query(`create role ${quote(role!)}`);
    await client.query(`alter database ${original.name} owner to ${quote(owner!)}`);
    await client.query(`grant connect on database ${original.name} to ${quote(between!)} with grant option`);
    await client.query(
      `set role ${quote(between!)}; grant connect on database ${original.name} to ${quote(last!)}; reset role`,
    );
  });
  const server = openTestServer(original.name);
  await recreate(server, original.name, copy);

  expect(await properties(server, copy)).toEqual(await properties(server, original.name));
  expect(await properties(server, copy)).toMatchObject({ encoding: 'LATIN1', is_template: true, owner });
});

test('default properties need no statement', async () => {
  const { name } = await freshDatabase();

  expect(propertyStatements(name, await properties(openTestServer(name), name))).toEqual([]);
});

test('a database without the schema public is recorded as such', async () => {
  const { name } = await freshDatabase({ schema: 'drop schema public' });

  expect(await properties(openTestServer(name), name)).toMatchObject({ has_public_schema: false });
});

async function properties(server: Server, database: string) {
  const session = await server.session({ database, purpose: 'test' });
  try {
    return await readDatabaseProperties(session);
  } finally {
    await session.close();
  }
}

async function recreate(server: Server, original: string, copy: string): Promise<void> {
  const recorded = await properties(server, original);
  const session = await server.maintenanceSession('test');
  const statements = createDatabaseStatements(copy, recorded, session.versionNum);
  for (const statement of [...statements, ...propertyStatements(copy, recorded)]) await session.query(statement);
  await session.close();
}

/** The statements of pg_dump about the database itself. */
async function createText(server: Server, database: string, folder: string): Promise<string> {
  const file = path.join(folder, 'create.sql');
  await server.runTool('pg_dump', ['--create', '--schema-only', '--schema=public', '-f', file], { database, signal });
  return (await readFile(file, 'utf8')).replace(/^\\(un)?restrict .*$/gm, '');
}
