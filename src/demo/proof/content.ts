import path from 'node:path';
import type { Sandbox } from '../sandbox.js';
import { readTree, type TreeContent } from './files.js';
import { readTables, type Table, type TableContent } from './tables.js';

/** The content of the demo's application: its tables and its files. */
export interface Content {
  readonly tables: ReadonlyMap<Table, TableContent>;
  readonly tree: TreeContent;
}

/** Reads every row and every file. `last`: leave out what the writer wrote after this transaction. */
export async function readContent(sandbox: Sandbox, last?: number): Promise<Content> {
  return { tables: await readTables(sandbox, last), tree: await readTree(path.join(sandbox.folder, 'storage')) };
}
