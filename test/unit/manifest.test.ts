import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { manifestSchema } from '../../src/catalog/manifest.js';
import { canonicalJson, parseManifest } from '../../src/catalog/parse-manifest.js';

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/manifests/${name}`, import.meta.url), 'utf8');
const golden = readdirSync(new URL('../fixtures/manifests', import.meta.url)).filter((name) => name.startsWith('v2.'));
const complete = fixture('v2.0-complete.json');

test('the shipped JSON Schema is the one used for validation', async () => {
  const schema = `${JSON.stringify(z.toJSONSchema(manifestSchema), null, 2)}\n`;
  await expect(schema).toMatchFileSnapshot('../../templates/manifest/v2.schema.json');
});

test('there are golden manifests of every shape', () => {
  expect(golden).toHaveLength(5);
});

test.each(golden)('the old manifest %s is read and written again byte for byte', (name) => {
  expect(canonicalJson(parseManifest(fixture(name)))).toBe(fixture(name));
});

test('fields of a newer minor version are kept, at every depth', () => {
  const newer = JSON.parse(complete);
  newer.schema_version = '2.7';
  newer.seal = { by: 'a newer potctl' };
  newer.database.files[0].plain_sha256 = 'x';
  expect(JSON.parse(canonicalJson(parseManifest(JSON.stringify(newer))))).toEqual(newer);
});

test('a manifest of version 1 is refused by name, not by a crash', () => {
  expect(() => parseManifest(fixture('v1.json'))).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }));
  expect(() => parseManifest(fixture('v1.json'))).toThrow(/version 1/);
});

test('a manifest of another major version is refused with the supported version', () => {
  const newer = complete.replace('"schema_version":"2.0"', '"schema_version":"3.0"');
  expect(() => parseManifest(newer)).toThrow(/version 3\.0, but this version of potctl reads version 2/);
});

// biome-ignore lint/suspicious/noExplicitAny: a hostile manifest has no type
type Change = (manifest: any) => void;

const PATHS = [
  '../../etc/passwd',
  '/etc/passwd',
  'db/../../x',
  'db//x',
  './x',
  'db/.',
  'a\\b',
  'a\nb',
  '',
  '..',
  'x/..',
];
const hostile: [string, RegExp, Change][] = [
  ...PATHS.map((path): [string, RegExp, Change] => [
    `path ${JSON.stringify(path)}`,
    /^database\.files\.0\.path:/,
    (m) => (m.database.files[0].path = path),
  ]),
  ['a path of 600 characters', /files\.0\.path/, (m) => (m.database.files[0].path = 'x'.repeat(600))],
  ['an absolute archive', /^storage\.backup_file:/, (m) => (m.storage.backup_file = '/etc/passwd')],
  ['an artifact that is listed twice', /toc\.dat' is listed twice/, (m) => m.database.files.push(m.database.files[0])],
  ['an artifact of both parts', /toc\.dat' is listed twice/, (m) => m.storage.artefacts.push(m.database.files[0])],
  ['an archive that is no artifact', /'files\.tar\.gz' is not among/, (m) => m.storage.artefacts.shift()],
  ['globals that are no artifact', /'db\/globals\.sql' is not among/, (m) => m.database.files.pop()],
  ['a dump member that is no artifact', /'3342\.dat\.gz' is not among/, (m) => m.database.files.splice(1, 1)],
  ['the manifest as an artifact', /reserved/, (m) => m.storage.artefacts.push(artifact('manifest.json'))],
  ['the events as an artifact', /reserved/, (m) => m.storage.artefacts.push(artifact('events.ndjson'))],
  ['a negative size', /artefacts\.0\.size/, (m) => (m.storage.artefacts[0].size = -1)],
  ['a broken size', /artefacts\.0\.size/, (m) => (m.storage.artefacts[0].size = 1.5)],
  ['a size beyond 2^53', /artefacts\.0\.size/, (m) => (m.storage.artefacts[0].size = 2 ** 60)],
  ['a size as text', /artefacts\.0\.size/, (m) => (m.storage.artefacts[0].size = '7')],
  ['a hash in capitals', /artefacts\.0\.sha256/, (m) => (m.storage.artefacts[0].sha256 = 'A'.repeat(64))],
  ['a short hash', /artefacts\.0\.sha256/, (m) => (m.storage.artefacts[0].sha256 = 'a'.repeat(63))],
  ['an unknown status', /^status/, (m) => (m.status = 'fine')],
  ['an id out of the folder', /^id/, (m) => (m.id = '../20261122T095106Z-7f3a9c')],
  ['a time without a zone', /^timestamp/, (m) => (m.timestamp = '2026-11-22T09:51:06.120')],
  ['a day that does not exist', /^timestamp/, (m) => (m.timestamp = '2026-02-31T09:51:06.120Z')],
  ['another schema', /^schema/, (m) => (m.schema = 'somebody.else')],
  ['no set', /^set/, (m) => delete m.set],
  ['no tables', /^database\.inventory\.tables/, (m) => delete m.database.inventory.tables],
];

const artifact = (path: string) => ({ path, size: 1, sha256: '0'.repeat(64) });

describe('a hostile manifest is refused', () => {
  test.each(hostile)('%s', (_, reason, change) => {
    const manifest = JSON.parse(complete);
    change(manifest);
    const refusal = expect.objectContaining({ code: 'E_MANIFEST', why: expect.stringMatching(reason) });
    expect(() => parseManifest(JSON.stringify(manifest))).toThrow(refusal);
  });

  test.each([
    ['nothing', ''],
    ['cut in the middle', complete.slice(0, complete.length / 2)],
    ['a list', '[]'],
    ['null', 'null'],
    ['binary', '\0\x01\x02'],
    ['a number too huge for JSON', complete.replace('"size":200000', '"size":1e999')],
    ['a hundred thousand brackets', '['.repeat(100_000)],
  ])('%s', (_, text) => {
    expect(() => parseManifest(text)).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }));
  });

  test('of a thousand problems only the first few are reported', () => {
    const manifest = JSON.parse(complete);
    manifest.database.files = Array(1000).fill({ path: '../x', size: 1, sha256: '0' });
    const why = catchWhy(() => parseManifest(JSON.stringify(manifest)));
    expect(why).toContain('database.files.0.path');
    expect(why.length).toBeLessThan(1000);
  });
});

describe('canonical JSON', () => {
  test('has one text for a value, whatever the order of its keys', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'é' }], a: undefined, A: true })).toBe(
      '{"A":true,"b":[1,{"c":"é","d":null}]}\n',
    );
  });

  test('round-trips every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (value) => {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
  });
});

function catchWhy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return String((error as { why?: unknown }).why);
  }
  return '';
}
