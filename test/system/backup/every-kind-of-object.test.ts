import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Server } from '../../../src/postgres/server.js';
import { freshDatabase } from '../../support/database.js';
import { openTestServer } from '../../support/server.js';
import { temporaryFolder } from '../../support/tree.js';

const signal = new AbortController().signal;

test('pg_dump and pg_restore alone restore every kind of object, so any later loss is caused by potctl', async () => {
  const folder = await temporaryFolder();
  const objects = await freshDatabase({ schema: 'all-objects' });
  const copy = await freshDatabase({ options: 'template template0' });
  const server = openTestServer(objects.name);

  await server.runTool('pg_dump', ['-Fd', '-f', path.join(folder, 'dump')], { database: objects.name, signal });
  const restore = ['--exit-on-error', '-j', '2', '-d', copy.name, path.join(folder, 'dump')];
  await server.runTool('pg_restore', restore, { database: copy.name, signal });

  expect(await plainDump(server, copy.name, folder)).toEqual(await plainDump(server, objects.name, folder));
});

/** Without the random `\restrict` tokens of newer versions. */
async function plainDump(server: Server, database: string, folder: string): Promise<string[]> {
  const file = path.join(folder, `${database}.sql`);
  await server.runTool('pg_dump', ['-f', file], { database, signal });
  return (await readFile(file, 'utf8')).split('\n').filter((line) => !/^\\(un)?restrict /.test(line));
}
