import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import zlib from 'node:zlib';
import type { Check } from '../kernel/check.js';
import { startChild } from '../kernel/child.js';
import { fail, ok, warn } from './check.js';

type Environment = Readonly<Record<string, string>>;

/** Checks the other programs: tar for files, zstd for compression, age for encryption. */
export async function programChecks(environment: Environment, withFiles: boolean): Promise<Check[]> {
  return [await tarCheck(environment, withFiles), await zstdCheck(environment), await ageCheck(environment)];
}

async function tarCheck(environment: Environment, withFiles: boolean): Promise<Check> {
  const version = await versionOf('tar', environment);
  if (version?.includes('GNU tar')) return ok('tar', version);
  const detail = version === null ? 'not installed' : `${version} is not GNU tar`;
  const report = withFiles ? fail : warn;
  return report('tar', `${detail}: files cannot be backed up`, 'apt install tar (macOS: brew install gnu-tar)');
}

async function zstdCheck(environment: Environment): Promise<Check> {
  if ('createZstdCompress' in zlib) return ok('zstd', 'built into Node.js');
  const file = await find('zstd', environment);
  if (file !== null) return ok('zstd', file);
  return warn('zstd', 'not installed: files are compressed with gzip, which is slower and larger', 'apt install zstd');
}

async function ageCheck(environment: Environment): Promise<Check> {
  const file = await find('age', environment);
  return ok('age', file ?? 'not installed (not needed)');
}

async function versionOf(name: string, environment: Environment): Promise<string | null> {
  const file = await find(name, environment);
  if (file === null) return null;
  const child = startChild(file, ['--version'], { environment: { ...environment, LC_ALL: 'C' } });
  const [output, end] = await Promise.all([text(child.stdout), child.ended]);
  return end.ok ? (output.split('\n')[0] ?? file) : `${file} (unknown version)`;
}

async function find(name: string, environment: Environment): Promise<string | null> {
  for (const folder of (environment['PATH'] ?? '').split(path.delimiter).filter((one) => path.isAbsolute(one))) {
    const file = path.join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return null;
}
