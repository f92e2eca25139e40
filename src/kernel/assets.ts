import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The installed package's top folder: the nearest one above this module that holds package.json. Works from src, dist and a global install. */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder);
    if (above === folder) throw new Error('package.json not found above the program');
    folder = above;
  }
  return folder;
}

/** Returns the text of a file that ships with the package, e.g. `readAsset('templates', 'config/config.yaml')`. */
export function readAsset(kind: 'templates' | 'runbook', name: string): string {
  return readFileSync(path.join(packageRoot(), kind, name), 'utf8');
}
