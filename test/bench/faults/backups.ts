import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Every published backup of a repository with a fingerprint of all its bytes, but for the events that are appended to it. */
export function backupsIn(repository: string): Map<string, string> {
  const backups = path.join(repository, 'backups');
  if (!fs.existsSync(backups)) return new Map();
  const ids = fs.readdirSync(backups).filter((name) => /^\d{8}T\d{6}Z-[0-9a-f]{6}$/.test(name));
  return new Map(ids.map((id) => [id, fingerprint(path.join(backups, id))]));
}

/** Names and bytes of everything below a folder. */
export function fingerprint(folder: string, leftOut = 'events.ndjson'): string {
  const hash = createHash('sha256');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }).map(String).sort() : [];
  for (const name of names.filter((name) => name !== leftOut && name !== `${leftOut}.copy`)) {
    const file = path.join(folder, name);
    hash.update(`${name}\n`);
    if (fs.statSync(file).isFile()) hash.update(fs.readFileSync(file));
  }
  return hash.digest('hex');
}
