import { expect, test } from 'vitest';
import { composeManifest, type ManifestParts } from '../../src/backup/compose-manifest.js';
import type { CreateRequest } from '../../src/backup/create-request.js';
import type { FilesPart } from '../../src/catalog/manifest.js';
import { compareInventory } from '../../src/dump/inventory.js';
import { sampleManifest } from './catalog-samples.js';

const sample = sampleManifest({});
const storage = {
  ...(sample.storage as FilesPart),
  ...{ files: 3, skipped: [], incomplete: [], incomplete_total: 0, unlisted_total: 0 },
};
const whole: ManifestParts = {
  dump: { part: sample.database!, snapshot: sample.snapshot!, referencedList: null, degraded: [] },
  storage,
  references: { referenced: 3, missing: 0, orphans: 0, missingExamples: [] },
  firstPassEnd: new Date(0),
  secondPassEnd: new Date(1),
};

const request: CreateRequest = {
  ...{ runId: 'r', traceId: '1', profile: null, expectedSystemIdentifier: null, database: true, files: null },
  ...{ references: null, jobs: 1, rows: 'exact', lockWaitMs: 1, waitMs: 0, verify: 'quick' },
  ...{ kind: 'logical', note: null, labels: {}, hostname: 'here', tool: sample.tool },
};

function manifestOf(parts: Partial<ManifestParts>, doubts: readonly string[] = []) {
  const at = { startedAt: new Date(0), finishedAt: new Date(2), durationMs: 2, clockOffMs: null };
  return composeManifest({ ...whole, ...parts }, { id: sample.id, set: 'x', previous: null, doubts, ...at, request });
}

test('a backup that has everything is complete', () => {
  expect(manifestOf({})).toMatchObject({ status: 'complete', degraded_reasons: [] });
});

test.each<[string, Partial<ManifestParts>]>([
  ['one file that changed while it was read', { storage: { ...storage, incomplete_total: 1 } }],
  ['an empty directory', { storage: { ...storage, files: 0, directories: 0, symlinks: 0 } }],
  ['one file that the database names and the backup lacks', { references: { ...whole.references!, missing: 1 } }],
  ['a doubt of the dump', { dump: { ...whole.dump!, degraded: ['no roles'] } }],
])('%s makes a backup degraded, with the reason', (_, parts) => {
  expect(manifestOf(parts)).toMatchObject({ status: 'degraded', degraded_reasons: [expect.any(String)] });
});

test('a doubt about the series makes a backup degraded, with the reason', () => {
  expect(manifestOf({}, ['a clock'])).toMatchObject({ status: 'degraded', degraded_reasons: ['a clock'] });
});

test('tables that only the dump has, and tables that it lacks, make a backup degraded', () => {
  const table = { oid: 1, schema: 'public', name: 't', condition: null };
  const entry = { dumpId: 7, oid: 1, desc: 'TABLE DATA', name: 't' };
  const files = [{ path: 'db/dump/7.dat.gz', size: 1, sha256: null }];
  const reasonsFor = (tables: readonly object[], toc: readonly object[]) =>
    compareInventory({ tables, toc, files, counts: new Map(), sizes: new Map() } as never).degraded;

  expect(reasonsFor([table], [entry])).toEqual([]);
  expect(reasonsFor([table], [])).toEqual([expect.stringContaining('"t"')]);
  expect(reasonsFor([], [entry])).toEqual([expect.stringContaining("'t'")]);
});
