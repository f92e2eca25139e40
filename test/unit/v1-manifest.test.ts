import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseV1Manifest } from '../../src/backup/imported/v1-manifest.js';

const bytes = (name: string): Buffer => readFileSync(new URL(`../fixtures/manifests/${name}`, import.meta.url));

test('the manifest of the scripts is parsed: a port in quotes, sizes in MiB, paths relative to another directory', () => {
  expect(parseV1Manifest(bytes('v1-scripts.json'), 'x')).toEqual({
    name: '20261122_095046',
    id: expect.stringMatching(/^20261122T095046Z-[0-9a-f]{6}$/),
    takenAt: '2026-11-22T09:50:46.000Z',
    database: {
      path: 'backups/db_backup_20261122_095046.sql',
      ...{ size: 1265, sizeWithin: 0 },
      name: '3dpot_dev',
      host: '127.0.0.1',
      port: 5432,
    },
    storage: { path: 'backups/storage_backup_20261122_095046.tar.gz', size: 172, sizeWithin: 0 },
  });
});

test('skipped or failed files are null', () => {
  expect(parseV1Manifest(bytes('v1-scripts-without-files.json'), 'x')).toMatchObject({
    database: { name: '3dpot_v2', port: 5433, size: 2_097_152 },
    storage: null,
  });
});

test.each([
  ['v1-documents.json', '2025-11-20T02:00:00.000Z', null],
  [
    'v1.json',
    '2025-11-18T03:00:00.000Z',
    { path: 'storage/storage_backup_20251118_030000.tar.gz', size: 450_331, sizeWithin: 0 },
  ],
])('the format in the documentation is parsed: %s', (file, takenAt, storage) => {
  const manifest = parseV1Manifest(bytes(file), file);
  expect(manifest).toMatchObject({ takenAt, database: { name: '3dpot_dev', port: 5432 }, storage });
  expect(manifest.id.slice(0, 8)).toBe(takenAt.slice(0, 10).replaceAll('-', ''));
});

test('the same manifest always has the same id, and another one of the same second has another id', () => {
  const one = bytes('v1-scripts.json');
  const other = Buffer.from(one.toString().replace('127.0.0.1', '127.0.0.2'));
  expect(parseV1Manifest(one, 'a').id).toBe(parseV1Manifest(Buffer.from(one), 'b').id);
  expect(parseV1Manifest(other, 'a').id).not.toBe(parseV1Manifest(one, 'a').id);
});

test.each<[string, (manifest: Record<string, Record<string, unknown>>) => unknown, RegExp]>([
  ['is truncated', () => undefined, /not JSON/],
  ['is a list', () => [], /not a JSON object/],
  ['has no time', (value) => ({ ...value, timestamp: undefined }), /timestamp/],
  ['has a time that is none', (value) => ({ ...value, timestamp: '20261399_250000' }), /timestamp/],
  ['has no database', (value) => ({ ...value, database: null }), /database/],
  ['names no dump', (value) => ({ ...value, database: { ...value['database'], backup_file: '' } }), /backup_file/],
  [
    'names the folder above',
    (value) => ({ ...value, database: { ...value['database'], backup_file: 'a/..' } }),
    /backup_file/,
  ],
  [
    'has a NUL in a name',
    (value) => ({ ...value, database: { ...value['database'], backup_file: 'a\0b' } }),
    /backup_file/,
  ],
  ['has no database name', (value) => ({ ...value, database: { ...value['database'], database: 7 } }), /database.name/],
  ['names odd files', (value) => ({ ...value, storage: { backup_file: 7 } }), /storage.backup_file/],
])('a manifest that %s is refused with the name of the field', (_, change, why) => {
  const changed = JSON.stringify(change(JSON.parse(bytes('v1-scripts.json').toString()))) ?? '{"timestamp": "2026';
  expect(() => parseV1Manifest(Buffer.from(changed), 'x.json')).toThrow(
    expect.objectContaining({ code: 'E_MANIFEST', why: expect.stringMatching(why) }),
  );
});
