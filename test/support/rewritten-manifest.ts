import { createHash } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Manifest } from '../../src/catalog/manifest.js';
import { canonicalJson, parseManifest } from '../../src/catalog/parse-manifest.js';
import type { Repository } from '../../src/repository/repository.js';

/** Changes a stored manifest, with its hash: as another version would have written it, or somebody who counted otherwise. */
export async function rewriteManifest(
  repository: Repository,
  id: string,
  change: (manifest: Manifest) => void,
): Promise<void> {
  const file = path.join(await repository.artefacts(id), 'manifest.json');
  const manifest = parseManifest(await readFile(file, 'utf8'));
  change(manifest);
  const text = canonicalJson(manifest);
  const hash = createHash('sha256').update(text).digest('hex');
  for (const written of [file, `${file}.sha256`]) await chmod(written, 0o600);
  await writeFile(file, text);
  await writeFile(`${file}.sha256`, `${hash}  manifest.json\n`);
}
