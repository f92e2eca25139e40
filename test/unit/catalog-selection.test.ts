import { describe, expect, test } from 'vitest';
import { NOWHERE, spelled } from '../../commands/cli/run/next.js';
import type { CatalogEntry } from '../../src/catalog/catalog.js';
import { selectBackup } from '../../src/catalog/selection.js';
import { findSet, setOf, setsAtHand } from '../../src/catalog/sets.js';
import type { Advice } from '../../src/kernel/next.js';
import { damagedEntry, goodEntry } from './catalog-samples.js';

const A = '7301/app';
const B = '9902/app';
const NEWEST = '20261125T000000Z-aa0001';
const SECOND = '20261124T000000Z-ab0002';
const THIRD = '20261123T000000Z-7f3a9c';
const FOURTH = '20261122T000000Z-7f3b00';
const OTHER = '20261126T000000Z-cc0003';
const entries: CatalogEntry[] = [
  goodEntry(OTHER, { set: B }),
  goodEntry(NEWEST, { set: A }),
  goodEntry(SECOND, { set: A }),
  goodEntry(THIRD, { set: A, status: 'degraded', degraded_reasons: ['2 files changed'] }),
  goodEntry(FOURTH, { set: A }),
];
const inA = { set: A, fromSet: null };
const select = (reference: string, scope: { set: string | null; fromSet: string | null } = inA, from = entries) =>
  selectBackup(from, reference, { ...scope, now: new Date('2026-12-01T00:00:00Z') });
const refusal = (code: string, text: RegExp) =>
  expect.objectContaining({
    code,
    message: expect.any(String),
    fix: expect.arrayContaining([{ asymmetricMatch: (given: Advice) => text.test(spelled(given, NOWHERE)) }]),
  });

describe('a backup is found by', () => {
  test.each([
    ['its id', SECOND, SECOND],
    ['the beginning of its id', '20261124', SECOND],
    ['the beginning of its random part', '7f3a', THIRD],
    ['latest', 'latest', NEWEST],
    ['latest~0', 'latest~0', NEWEST],
    ['latest~2, for only good ones count', 'latest~2', FOURTH],
  ])('%s', (_, reference, id) => {
    expect(select(reference).entry.id).toBe(id);
  });

  test('a beginning that matches several backups names them all', () => {
    expect(() => select('7f3')).toThrow(
      expect.objectContaining({ code: 'E_BACKUP_NOT_FOUND', why: `${THIRD}, ${FOURTH}` }),
    );
  });

  test.each(['nothing', '', 'latest~', 'latest~x', 'latest~-1', '../20261124', '%'])(
    '%j finds nothing',
    (reference) => {
      expect(() => select(reference)).toThrow(expect.objectContaining({ code: 'E_BACKUP_NOT_FOUND' }));
    },
  );

  test('a degraded backup is selected with a warning', () => {
    expect(select(THIRD)).toMatchObject({
      entry: { id: THIRD },
      warnings: [`'${THIRD}': it is degraded: 2 files changed`],
    });
  });
});

describe('another series', () => {
  test('is never selected by latest', () => {
    expect(select('latest', { set: null, fromSet: null }).entry.id).toBe(OTHER);
    expect(select('latest').entry.id).toBe(NEWEST);
  });

  test.each([OTHER, 'cc00'])('%s of it is refused, and the error names the flag', (reference) => {
    expect(() => select(reference)).toThrow(refusal('E_REFUSED', /--from-series 9902\/app/));
  });

  test('is selected with --from-series', () => {
    expect(select('latest', { set: A, fromSet: B }).entry.id).toBe(OTHER);
    expect(select('cc', { set: A, fromSet: B }).entry.id).toBe(OTHER);
  });

  test('that does not exist is not found', () => {
    expect(() => select('latest', { set: A, fromSet: 'profile:x' })).toThrow(
      refusal('E_BACKUP_NOT_FOUND', /--all-series/),
    );
  });

  test('is suggested if the own series has no backups', () => {
    expect(() => select('latest', { set: 'profile:new', fromSet: null })).toThrow(
      refusal('E_BACKUP_NOT_FOUND', /--from-series 7301\/app/),
    );
  });

  test('with an odd name is quoted for the shell', () => {
    const odd = [goodEntry(OTHER, { set: `1/we'ird; rm` })];
    expect(() => select(OTHER, inA, odd)).toThrow(refusal('E_REFUSED', /--from-series '1\/we'\\''ird; rm'/));
  });
});

describe('latest', () => {
  const newer = '20261127T000000Z-dd0004';

  test('skips a damaged backup with a warning', () => {
    const { entry, warnings } = select('latest', inA, [damagedEntry(newer), ...entries]);
    expect(entry.id).toBe(NEWEST);
    expect(warnings).toEqual([expect.stringContaining(newer)]);
  });

  test('skips a backup that was found damaged, with a warning', () => {
    const verified = { level: 'full', at: '2026-11-28T00:00:00.000Z', ok: false } as const;
    const bad = goodEntry(newer, { set: A }, { verified });
    const { entry, warnings } = select('latest', inA, [bad, ...entries]);
    expect(entry.id).toBe(NEWEST);
    expect(warnings).toEqual([expect.stringContaining('found damage')]);
    expect(select(newer, inA, [bad, ...entries]).entry.id).toBe(newer);
  });

  test('is never a safety backup, which can still be selected by id', () => {
    const safety = goodEntry(newer, { set: A, kind: 'safety' });
    expect(select('latest', inA, [safety, ...entries])).toMatchObject({ entry: { id: NEWEST }, warnings: [] });
    expect(select('dd00', inA, [safety, ...entries]).entry.id).toBe(newer);
  });

  test('skips a degraded backup and one from the future, and names both', () => {
    const degraded = goodEntry(newer, { set: A, status: 'degraded', degraded_reasons: ['1 file is missing'] });
    const future = goodEntry('20280101T000000Z-ee0005', { set: A, timestamp: '2028-01-01T00:00:00.000Z' });
    const { entry, warnings } = select('latest', inA, [future, degraded, ...entries]);
    expect(entry.id).toBe(NEWEST);
    expect(warnings).toEqual([
      expect.stringMatching(/20280101.* was skipped: it is dated in the future/),
      expect.stringMatching(/dd0004.* was skipped: it is degraded: 1 file is missing/),
    ]);
  });

  test('is the newest degraded backup if none is good, with a warning', () => {
    const degraded = entries.filter((entry) => entry.id === THIRD);
    const { entry, warnings } = select('latest', inA, degraded);
    expect(entry.id).toBe(THIRD);
    expect(warnings.join('\n')).toMatch(/no backup is good.*\n.*degraded: 2 files changed/);
  });

  test('for files is the newest good backup with files', () => {
    const dbOnly = goodEntry(newer, { set: A, storage: null });
    const scope = { ...inA, now: new Date('2026-12-01T00:00:00Z') };
    expect(selectBackup([dbOnly, ...entries], 'latest', scope).entry.id).toBe(newer);
    expect(selectBackup([dbOnly, ...entries], 'latest', { ...scope, part: 'files' }).entry.id).toBe(NEWEST);
  });

  test('fails if there are not so many backups', () => {
    expect(() => select('latest~9')).toThrow(/only 3 usable/);
  });

  test('names the skipped backups if none is left', () => {
    expect(() => select('latest', inA, [damagedEntry(newer)])).toThrow(
      expect.objectContaining({
        code: 'E_BACKUP_NOT_FOUND',
        why: expect.objectContaining({ skipped: [expect.any(String)] }),
      }),
    );
  });

  test('a damaged backup is refused by id, too', () => {
    expect(() => select(newer, inA, [damagedEntry(newer)])).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }));
  });
});

describe('the series', () => {
  const none = { profile: null, systemIdentifier: null, database: null, filesPath: null };

  test.each([
    [{ ...none, profile: 'prod', systemIdentifier: '7301', database: 'app', filesPath: '/srv' }, 'profile:prod'],
    [{ ...none, systemIdentifier: '7301', database: 'app', filesPath: '/srv' }, '7301/app'],
    [{ ...none, database: 'app' }, 'unknown/app'],
    [{ ...none, filesPath: '/srv/files' }, 'files:/srv/files'],
  ])('of %j is %s', (facts, set) => {
    expect(setOf(facts)).toBe(set);
  });

  test('is found by the name of the database when the server cannot be asked', () => {
    const only = [goodEntry(NEWEST, { set: A }), goodEntry(SECOND, { set: '7301/other' })];
    expect(findSet(only, { ...none, database: 'app' })).toBe(A);
  });

  test('is ambiguous if two servers have it', () => {
    expect(() => findSet(entries, { ...none, database: 'app' })).toThrow(
      refusal('E_REFUSED', /--from-series 7301\/app/),
    );
    expect(findSet(entries, { ...none, database: 'app', systemIdentifier: '9902' })).toBe(B);
  });

  test('of a database with a slash in its name is a separate one', () => {
    const slash = [goodEntry(NEWEST, { set: '7301/a/app' }), goodEntry(SECOND, { set: A })];
    expect(findSet(slash, { ...none, database: 'a/app' })).toBe('7301/a/app');
    expect(findSet(slash, { ...none, database: 'app' })).toBe(A);
  });

  test('known without a server is that of the profile, else every series of that database or those files', () => {
    expect(setsAtHand(entries, { ...none, profile: 'prod', database: 'app' })).toEqual(['profile:prod']);
    expect(setsAtHand(entries, { ...none, database: 'app' })).toEqual([A, B]);
    expect(setsAtHand(entries, { ...none, database: 'root' })).toEqual([]);
    const files = [goodEntry(NEWEST, { set: 'files:/srv' })];
    expect(setsAtHand(files, { ...none, database: 'root', filesPath: '/srv' })).toEqual(['files:/srv']);
  });
});
