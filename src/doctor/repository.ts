import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { RepositorySettings, Settings } from '../config/settings.js';
import type { Check } from '../kernel/check.js';
import { counted } from '../kernel/counted.js';
import { fromErrno, isErrno, PotctlError } from '../kernel/errors.js';
import { advice, potctl } from '../kernel/next.js';
import type { Repository } from '../repository/repository.js';
import { bytes, type DoctorTools, fail, failed, notChecked, ok, unknown, warn } from './check.js';

const NAME_ONE = 'set one: `--repository DIR`, POTCTL_REPOSITORY, or `repositories` in the profile';

/** Checks that backups can be written and that there is room for the next one. @param databaseBytes null = unknown */
export async function repositoryChecks(
  tools: DoctorTools,
  settings: Settings,
  databaseBytes: number | null,
  treeBytes: number | null,
): Promise<Check[]> {
  const [first, ...further] = settings.repositories;
  if (first === undefined)
    return [
      unknown('repository', 'none is configured', NAME_ONE),
      unknown('free space', 'not checked: no repository is configured'),
    ];
  const others = further.map((one) =>
    warn(
      `repository ${one.name}`,
      'not used by this version: backups go only to the first repository',
      advice`to back up there, too: ${potctl('backup', 'create', '--repository', one.name)}`,
    ),
  );
  let repository: Repository;
  try {
    repository = await tools.repository();
  } catch (error) {
    return [failed('repository', error), unknown('free space', 'not checked: see repository'), ...others];
  }
  return [
    await writable(first, repository),
    await space(repository, databaseBytes, treeBytes).catch((error: unknown) => notChecked('free space', error)),
    ...others,
  ];
}

async function writable({ path: folder }: RepositorySettings, repository: Repository): Promise<Check> {
  const name = `repository`;
  if (folder === undefined) return unknown(name, `not checked: ${repository.url} is not a directory`);
  try {
    if (await exists(folder)) {
      await probeFile(folder);
      if (!(await repository.exists()))
        return ok(name, `${folder} is writable but not a repository yet; the first backup creates it`);
      return ok(name, `${folder} is writable, ${counted((await repository.list()).length, 'backup')}`);
    }
    await probeFolder(path.dirname(folder));
    return warn(name, `${folder} does not exist yet; the first backup creates it`, `mkdir -m 0700 ${folder}`);
  } catch (error) {
    const translated = fromErrno(error, `write to '${folder}'`);
    if (!(translated instanceof PotctlError)) throw error;
    const denied = translated.code === 'E_FILES_DENIED';
    const result = failed(name, translated);
    return denied
      ? { ...result, next: `ls -ld ${folder}, then run as its owner or \`chown\` it to this user` }
      : result;
  }
}

async function exists(folder: string): Promise<boolean> {
  try {
    await stat(folder);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Writes, syncs and removes a small file, which is more reliable than looking at modes and mount options. */
async function probeFile(folder: string): Promise<void> {
  const file = path.join(folder, `.potctl-probe-${randomBytes(6).toString('hex')}.partial`);
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(Buffer.alloc(4_096));
    await handle.sync();
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

async function probeFolder(parent: string): Promise<void> {
  const folder = path.join(parent, `.potctl-probe-${randomBytes(6).toString('hex')}.partial`);
  await mkdir(folder, { mode: 0o700 });
  await rmdir(folder);
}

const RESERVE = 16 * 1_048_576;

async function space(repository: Repository, databaseBytes: number | null, treeBytes: number | null): Promise<Check> {
  const free = await repository.freeBytes();
  if (free === null) return unknown('free space', `unknown for ${repository.url}`);
  if (databaseBytes === null || treeBytes === null)
    return unknown(
      'free space',
      `${bytes(free)} free; the size of the ${databaseBytes === null ? 'database' : 'files'} is unknown`,
    );
  // The estimate for a first backup: a compressed dump without indexes takes less than half of the database, files their full size.
  const needed = databaseBytes / 2 + treeBytes + RESERVE;
  const figures = `${bytes(free)} free, a full backup needs about ${bytes(Math.ceil(needed))}`;
  const fix = 'free some space, or use another repository with --repository';
  if (free < needed) return fail('free space', figures, fix);
  if (free < 2 * needed) return warn('free space', `${figures}: room for only one`, fix);
  return ok('free space', figures);
}
