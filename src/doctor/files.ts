import { access, constants, lstat, opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Settings } from '../config/settings.js';
import type { Check } from '../kernel/check.js';
import { counted } from '../kernel/counted.js';
import { bytes, fail, ok, unknown, warn } from './check.js';

/** The check of the files, and their size; null = unknown. */
export interface MeasuredFiles {
  readonly result: Check;
  readonly bytes: number | null;
}

const LONGEST_MS = 5_000;

interface Walk {
  files: number;
  bytes: number;
  unreadable: string[];
  complete: boolean;
}

/** Checks that the files can be read. Stops after 5 s and reports that. */
export async function measureFiles(files: Settings['files'], now: () => number): Promise<MeasuredFiles> {
  if (files === null) return { result: ok('files', 'none configured: backups contain only the database'), bytes: 0 };
  const root = files.path;
  try {
    if (!(await stat(root)).isDirectory())
      return wrong(`${root} is not a directory`, 'check --files or `files.path` in the profile');
    const walk: Walk = { files: 0, bytes: 0, unreadable: [], complete: true };
    await visit(root, walk, now() + LONGEST_MS, now);
    return measured(root, walk);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return wrong(
      `cannot read ${root}: ${reason}`,
      'check --files or `files.path` in the profile, and run as a user that can read it',
    );
  }
}

function wrong(detail: string, fix: string): MeasuredFiles {
  return { result: fail('files', detail, fix), bytes: null };
}

function measured(root: string, { files, bytes: size, unreadable, complete }: Walk): MeasuredFiles {
  const found = `${root}: ${complete ? '' : 'at least '}${counted(files, 'file')}, ${bytes(size)}`;
  const [example] = unreadable;
  if (example !== undefined) {
    const detail = `${found}; ${unreadable.length} cannot be read, e.g. ${example}`;
    return { result: fail('files', detail, `ls -l ${example}, then run as its owner`), bytes: complete ? size : null };
  }
  if (!complete) return { result: unknown('files', `${found}; not all were checked`), bytes: null };
  if (files === 0)
    return { result: warn('files', `${found}: the directory is empty`, 'check that it is mounted'), bytes: 0 };
  return { result: ok('files', `${found}, all readable`), bytes: size };
}

async function visit(folder: string, walk: Walk, until: number, now: () => number): Promise<void> {
  for await (const entry of await opendir(folder)) {
    if (now() > until) walk.complete = false;
    if (!walk.complete) return;
    const file = path.join(folder, entry.name);
    if (entry.name.startsWith('.potctl-')) continue;
    if (entry.isDirectory()) {
      await visit(file, walk, until, now).catch(() => walk.unreadable.push(file));
      continue;
    }
    if (!entry.isFile()) continue;
    walk.files += 1;
    walk.bytes += await lstat(file).then(
      ({ size }) => size,
      () => 0,
    );
    await access(file, constants.R_OK).catch(() => walk.unreadable.push(file));
  }
}
