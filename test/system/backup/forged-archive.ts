import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FilesPart } from '../../../src/catalog/manifest.js';
import type { Place } from '../../support/files.js';
import { tarOf, type WrittenMember } from '../../support/tar-writer.js';

export interface Forged {
  readonly members: readonly WrittenMember[];
  /** Lines of the list; they fit the members unless the case is about them. */
  readonly lines: readonly object[];
}

export const FACTS = { size: 0, mode: '0644', uid: 0, gid: 0, mtime_ns: '1600000000000000000' };
export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
export const EVIL = Buffer.from('evil');

export const root = { name: './', flag: '5' };
export const rootLine = { ...FACTS, path: '.', type: 'directory' };
export const file = (name: string, rest: Partial<WrittenMember> = {}): WrittenMember => ({
  name,
  content: EVIL,
  ...rest,
});
export const fileLine = (name: string) => ({ ...FACTS, path: name, type: 'file', size: 4, sha256: sha256(EVIL) });
export const link = (name: string, target: string): WrittenMember => ({ name, flag: '2', target });
export const linkLine = (name: string, target: string) => ({ ...FACTS, path: name, type: 'symlink', target });
export const directory = (name: string): WrittenMember => ({ name: `${name}/`, flag: '5' });
export const directoryLine = (name: string) => ({ ...FACTS, path: name, type: 'directory' });
export const hard = (name: string, target: string): WrittenMember => ({ name, flag: '1', target });
export const hardLine = (name: string, target: string) => ({ ...FACTS, path: name, type: 'hardlink', target });

/** A backup as an attacker would write it who has the whole repository: archive, list and manifest fit each other. */
export function forge(at: Place, { members, lines }: Forged): FilesPart {
  writeFileSync(path.join(at.folder, 'files.tar'), tarOf(...members));
  writeFileSync(path.join(at.folder, 'list.gz'), gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
  const kept = lines.filter((line) => !('superseded' in line) && (line as { path?: string }).path !== '.');
  const count = (...types: string[]): number =>
    kept.filter((line) => types.includes((line as { type: string }).type)).length;
  return {
    backup_file: 'files.tar',
    size_bytes: 0,
    engine: 'archive',
    engine_version: 1,
    root: at.tree,
    compression: 'none',
    list_file: 'list.gz',
    files: count('file', 'hardlink'),
    directories: count('directory'),
    symlinks: count('symlink'),
    bytes: kept.reduce((sum, line) => sum + (line as { size: number }).size, 0),
    skipped: [],
    incomplete: [],
    incomplete_total: 0,
    excludes: [],
    artefacts: [],
  };
}
