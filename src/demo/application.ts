import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../kernel/assets.js';
import { type Content, readContent } from './proof/content.js';
import { writeStorage } from './sample/storage.js';
import { ask, loadSql, type Sandbox } from './sandbox.js';
import { DATABASE } from './workplace.js';

/** Creates the demo's 3dPot database with its rows, and its files in `storage/`. Returns their content. */
export async function prepareApplication(sandbox: Sandbox): Promise<Content> {
  const { tell, environment, folder } = sandbox;
  const atHome = { ...sandbox, environment: { ...environment, PGDATABASE: 'postgres' } };
  const [version = ''] = await ask(atHome, 'show server_version');
  tell({ kind: 'scene', scene: 'server', facts: { version, host: environment['PGHOST'] ?? '' } });
  await ask(atHome, `create database ${DATABASE}`);
  const templates = path.join(packageRoot(), 'templates', 'demo');
  await loadSql(sandbox, [path.join(templates, '3dpot.sql'), path.join(templates, '3dpot-data.sql')]);
  await mkdir(path.join(folder, 'storage'));
  const { files, bytes } = await writeStorage(path.join(folder, 'storage'));
  const content = await readContent(sandbox);
  const rows = [...content.tables.values()].reduce((sum, table) => sum + table.rows, 0);
  tell({ kind: 'scene', scene: 'application', facts: { tables: content.tables.size, rows, files, bytes } });
  return content;
}
