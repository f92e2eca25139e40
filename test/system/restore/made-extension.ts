import { access, constants, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { inMaintenance } from '../../support/database.js';

/** The extensions that the test cluster can create. */
export async function availableExtensions(names: readonly string[]): Promise<string[]> {
  const sql = 'select name from pg_available_extensions where name = any ($1)';
  return inMaintenance(async (client) =>
    (await client.query<{ name: string }>(sql, [names])).rows.map(({ name }) => name),
  );
}

/** Where the test cluster looks for extensions; null if this user may not write there. */
export async function extensionFolder(): Promise<string | null> {
  const sql = `select setting from pg_config where name = 'SHAREDIR'`;
  const { rows } = await inMaintenance((client) => client.query<{ setting: string }>(sql));
  const folder = path.join(rows[0]!.setting, 'extension');
  return access(folder, constants.W_OK).then(
    () => folder,
    () => null,
  );
}

/** Writes an extension of one script for the test cluster; it is removed after the test. */
export async function makeExtension(folder: string, name: string, script: string): Promise<void> {
  const control = path.join(folder, `${name}.control`);
  const sql = path.join(folder, `${name}--1.0.sql`);
  onTestFinished(() => Promise.all([control, sql].map((file) => rm(file, { force: true }))).then(() => {}));
  await writeFile(control, `default_version = '1.0'\nrelocatable = false\n`, { mode: 0o644 });
  await writeFile(sql, script, { mode: 0o644 });
}
