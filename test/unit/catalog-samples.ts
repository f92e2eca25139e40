import { readdirSync, readFileSync } from 'node:fs';
import type { CatalogEntry, GoodEntry } from '../../src/catalog/catalog.js';
import type { Manifest } from '../../src/catalog/manifest.js';
import { canonicalJson, parseManifest } from '../../src/catalog/parse-manifest.js';
import { summarize } from '../../src/catalog/summary.js';

const folder = new URL('../fixtures/manifests/', import.meta.url);

/** Every manifest of version 2 as it was once written. */
export function golden(): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('v2.'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'));
}

export function sampleManifest(changes: Partial<Manifest>): Manifest {
  return { ...parseManifest(readFileSync(new URL('v2.0-complete.json', folder), 'utf8')), ...changes };
}

export function manifestText(changes: Partial<Manifest>): string {
  return canonicalJson(sampleManifest(changes));
}

export function goodEntry(id: string, changes: Partial<Manifest> = {}, facts: Partial<GoodEntry> = {}): GoodEntry {
  return {
    ok: true,
    id,
    manifest: summarize(sampleManifest({ id, ...changes })),
    events: [],
    eventsDamage: null,
    verified: null,
    ...facts,
  };
}

export function damagedEntry(id: string): CatalogEntry {
  return { ok: false, id, code: 'E_MANIFEST', problem: 'the manifest is damaged: cut' };
}
