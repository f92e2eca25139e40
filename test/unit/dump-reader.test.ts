import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openDumpReader } from '../../src/dump/dump-reader.js';
import { temporaryFolder } from '../support/tree.js';

/** A pg_restore that notes what it is asked to list, and cannot read what is called `damaged` the first time. */
const SCRIPT = `#!/bin/sh
folder=$(dirname "$0")
[ "$1" = --version ] && { echo 'pg_restore (PostgreSQL) 98.1'; exit; }
echo "$2" >> "$folder/listed"
[ "$2" = damaged ] && [ "$(grep -c damaged "$folder/listed")" = 1 ] && { echo 'pg_restore: error: not an archive' >&2; exit 1; }
echo ';     TOC Entries: 1'
echo '7; 1259 16385 TABLE public t app'
`;

test('the list of the last dump is cached, but not a failure', async () => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'pg_restore'), SCRIPT, { mode: 0o755 });
  const { signal } = new AbortController();
  const environment = { PATH: process.env['PATH'] ?? '' };
  const reader = await openDumpReader({ environment, signal, directories: [folder] });
  const toc = [expect.objectContaining({ dumpId: 7, desc: 'TABLE' })];

  expect(await Promise.all([reader!.toc('a'), reader!.toc('a')])).toEqual([toc, toc]);
  expect(await reader!.toc('b')).toEqual(toc);
  expect(await reader!.toc('a')).toEqual(toc);
  await expect(reader!.toc('damaged')).rejects.toMatchObject({ code: 'E_BACKUP_CORRUPT' });
  expect(await reader!.toc('damaged')).toEqual(toc);

  expect(await readFile(path.join(folder, 'listed'), 'utf8')).toBe('a\nb\na\ndamaged\ndamaged\n');
});
