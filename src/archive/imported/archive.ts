import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { FilesPart } from '../../catalog/manifest.js';
import { fromErrno, PotctlError } from '../../kernel/errors.js';
import type { Progress } from '../../kernel/progress.js';
import type { Hashed } from '../../storage/following-hash.js';
import { display } from '../byte-path.js';
import type { CheckRequest } from '../check.js';
import { compressInside } from '../compress.js';
import { quote } from '../follow.js';
import { createTotals, LIST_FILE, type ListTotals, readList } from '../list.js';
import { pathOf } from '../listed-file.js';
import { ArchiveDamage } from '../tar-header.js';
import { type ImportedArchive, surveyImported } from './survey.js';
import { walkImported } from './walk.js';

/** The content of an archive that another program created. */
export interface ListedArchive {
  readonly totals: ListTotals;
  readonly list: Hashed;
  readonly topFolder: string | null;
  readonly skipped: { readonly path: string; readonly reason: string }[];
}

interface Watch {
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

const MAX_SKIPPED = 1_000;

/**
 * Reads an archive of another program completely and writes the list of its members, with hashes, into `folder`.
 *
 * @throws ArchiveDamage if it is truncated, damaged, or points outside its tree; E_NO_SPACE, E_IO, E_FILES_DENIED, E_TOOL_MISSING
 */
export async function listImported(archive: ImportedArchive, folder: string, watch: Watch): Promise<ListedArchive> {
  const survey = await surveyImported(archive, watch.signal);
  const out = compressInside(path.join(folder, LIST_FILE), 'gzip');
  const totals = createTotals();
  const skipped: { path: string; reason: string }[] = [];
  let block = '';
  try {
    await walkImported(
      archive,
      survey,
      {
        member() {},
        skipped: (name, reason) => void (skipped.length < MAX_SKIPPED && skipped.push({ path: name, reason })),
        listed(file) {
          totals.count(file);
          block += `${JSON.stringify(file)}\n`;
        },
        settle() {
          const text = block;
          block = '';
          return text === '' ? undefined : out.write(Buffer.from(text));
        },
      },
      watch,
    );
    const { sha256, size } = await out.close();
    const topFolder = survey.topFolder === null ? null : display(survey.topFolder);
    return { totals: totals.all(), list: { sha256, size }, topFolder, skipped };
  } catch (error) {
    await out.abort();
    throw error;
  }
}

/** Compares an archive of another program with its list. @returns the problems, as checkArchive does */
export async function checkImported(request: CheckRequest): Promise<string[]> {
  const { folder, part } = request;
  const archive = importedArchive(folder, part);
  const expected = readList(folder, part, request.signal);
  const waiting: string[] = [];
  try {
    const survey = await surveyImported(archive, request.signal);
    await walkImported(
      archive,
      survey,
      {
        member() {},
        listed: (file) => void waiting.push(JSON.stringify(file)),
        settle: () => compareAll(waiting, expected),
      },
      request,
    );
    const more = await expected.next();
    if (!more.done) throw new ArchiveDamage(`${quote(more.value)} is in the list, but not in the archive`);
    return [];
  } catch (error) {
    if (error instanceof ArchiveDamage) return [`${part.backup_file}: ${error.message}`];
    throw error;
  } finally {
    await expected.return(undefined);
  }
}

async function compareAll(waiting: string[], expected: ReturnType<typeof readList>): Promise<void> {
  for (const line of waiting.splice(0)) {
    const next = await expected.next();
    const file = JSON.parse(line);
    if (next.done) throw new ArchiveDamage(`${quote(file)} is in the archive, but not in the list`);
    if (pathOf(file) !== pathOf(next.value))
      throw new ArchiveDamage(`${quote(file)} is where the list has ${quote(next.value)}`);
    if (line !== JSON.stringify(next.value)) throw new ArchiveDamage(`${quote(file)} differs from the list`);
  }
}

/** Returns the archive of a part with engine `tar`, in the folder of its backup. */
export function importedArchive(folder: string, part: FilesPart): ImportedArchive {
  return {
    file: path.join(folder, part.backup_file),
    compression: part.compression,
    stripTop: part.top_folder != null,
  };
}

/**
 * Returns the compression of a file, by its first bytes.
 *
 * @throws E_UNFIT for an unsupported compression, with what to do; E_IO, E_FILES_DENIED
 */
export async function compressionOf(file: string): Promise<'gzip' | 'zstd' | 'none'> {
  const head = await readHead(file, 6);
  if (head.startsWith('1f8b')) return 'gzip';
  if (head.startsWith('28b52ffd')) return 'zstd';
  const other = { '425a68': 'bunzip2', fd377a585a00: 'unxz' };
  for (const [magic, program] of Object.entries(other)) {
    if (!head.startsWith(magic)) continue;
    throw new PotctlError('E_UNFIT', `'${path.basename(file)}' has an unsupported compression`, {
      fix: [`Unpack it first: \`${program} -k ${path.basename(file)}\``],
    });
  }
  return 'none';
}

/** Returns the first bytes of a file as hex. */
export async function readHead(file: string, bytes: number): Promise<string> {
  try {
    for await (const chunk of createReadStream(file, { end: bytes - 1 })) return (chunk as Buffer).toString('hex');
    return '';
  } catch (error) {
    throw fromErrno(error, `read '${file}'`);
  }
}
