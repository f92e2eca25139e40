import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Proof } from './events.js';
import { type Content, readContent } from './proof/content.js';
import { startWriter } from './sample/writer.js';
import { play, type Sandbox } from './sandbox.js';

/** Transactions of the writer before the backup starts, so that it is certainly running. */
const HEAD_START = 25;

/** What the backup must restore, and the proof that it contains only whole transactions. */
export interface SavedContent {
  readonly content: Content;
  readonly wholeTransactions: Proof;
}

/**
 * Makes a backup while a program writes. The expected content is read from the live database afterwards, up to the last transaction that
 * the row counts of the backup include.
 */
export async function backUpWhileWriting(
  sandbox: Sandbox,
  before: Content,
  command: readonly string[],
): Promise<SavedContent> {
  sandbox.tell({ kind: 'scene', scene: 'backup', facts: {} });
  const writer = startWriter(sandbox);
  await writer.sent(HEAD_START);
  const printed = await play(sandbox, command).catch(async (error: unknown) => {
    await writer.stop().catch(() => 0);
    throw error;
  });
  const written = await writer.stop();
  const counts = await countsOfManifest(sandbox, printed.trim());
  const addedTo = (table: 'audit_log' | 'refresh_tokens') =>
    (counts.get(table) ?? -1) - (before.tables.get(table)?.rows ?? 0);
  const [last, sessions] = [addedTo('audit_log'), addedTo('refresh_tokens')];
  sandbox.tell({ kind: 'scene', scene: 'written-meanwhile', facts: { written, included: last } });
  const whole = { subject: 'transactions', equal: last === sessions, expected: last, found: sessions, digest: '' };
  return { content: await readContent(sandbox, last), wholeTransactions: whole };
}

/** Reads the row counts that the backup took in its snapshot, by table. */
async function countsOfManifest(sandbox: Sandbox, id: string): Promise<ReadonlyMap<string, number>> {
  const file = path.join(sandbox.folder, 'backups', 'backups', id, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as ManifestCounts;
  return new Map(manifest.database.inventory.tables.map(({ table, count }) => [table, count ?? -1]));
}

interface ManifestCounts {
  readonly database: {
    readonly inventory: { readonly tables: readonly { readonly table: string; readonly count: number | null }[] };
  };
}

/** Destroys tables, rows and files. Returns what is left. */
export async function destroyData(sandbox: Sandbox): Promise<Content> {
  await play(sandbox, ['psql', '-c', 'drop table audit_log, refresh_tokens']);
  await play(sandbox, ['psql', '-c', 'update users set hashed_password = username, mfa_secret = null']);
  await play(sandbox, ['psql', '-c', 'delete from projects where dimensoes_altura > 20']);
  await play(sandbox, ['rm', '-r', 'storage/models', 'storage/thumbnails']);
  return readContent(sandbox);
}
