import { expect, test } from 'vitest';
import { makeBackupId, shortBackupId, timeOfBackupId } from '../../src/catalog/id.js';
import { manifestSchema } from '../../src/catalog/manifest.js';

const now = new Date('2026-11-22T09:51:06.999Z');

test('an id is the UTC second of the start and six random hex digits', () => {
  expect(makeBackupId(now, () => Uint8Array.of(0x7f, 0x3a, 0x9c))).toBe('20261122T095106Z-7f3a9c');
});

test('an id is valid in a manifest, and two ids of the same second differ', () => {
  const ids = new Set(Array.from({ length: 100 }, () => makeBackupId(now)));
  expect(ids.size).toBeGreaterThan(98);
  for (const id of ids) expect(manifestSchema.shape.id.safeParse(id).success).toBe(true);
});

test('the time and the short name can be read from an id', () => {
  const id = makeBackupId(now, () => Uint8Array.of(0, 1, 255));
  expect(timeOfBackupId(id)).toBe('2026-11-22T09:51:06.000Z');
  expect(shortBackupId(id)).toBe('0001ff');
});

test.each(['20261322T095106Z-7f3a9c', '20261122T256106Z-7f3a9c', 'x', '', '20261122T095106Z-7F3A9C'])(
  '%j has no time',
  (id) => {
    expect(timeOfBackupId(id)).toBeNull();
  },
);
