import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { startChild } from '../kernel/child.js';
import { PotctlError } from '../kernel/errors.js';

/** How the files that the database references compare with those in the backup. */
export interface ReferenceCounts {
  readonly referenced: number;
  readonly missing: number;
  readonly orphans: number;
  /** At most 20. */
  readonly missingExamples: readonly string[];
}

/** What {@link compareReferences} needs. */
export interface ReferenceRequest {
  /** One JSON string per line: what the `references` query returned. */
  readonly list: string;
  /** Absolute path of the tree. */
  readonly root: string;
  /** Regular files in the backup. */
  readonly files: number;
  readonly has: (file: string) => Promise<boolean>;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const EXAMPLES = 20;

/**
 * Counts the distinct files that the query returned, those missing from the backup, and the files in the backup that nothing references.
 *
 * The system's `sort` sorts on disk, so memory use does not grow with the number of rows. The list and its sorted copies are removed.
 *
 * @throws E_TOOL_FAILED if `sort` fails; E_NO_SPACE
 */
export async function compareReferences(request: ReferenceRequest): Promise<ReferenceCounts> {
  const { list, root, files, has } = request;
  const relative = `${list}.relative`;
  const sorted = `${list}.sorted`;
  try {
    await pipeline(relativeLines(list, root), createWriteStream(relative, { mode: 0o600 }));
    await sortUnique(relative, sorted, request);
    let referenced = 0;
    let missing = 0;
    const missingExamples: string[] = [];
    for await (const line of createInterface({
      input: createReadStream(sorted),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      referenced += 1;
      const file = JSON.parse(line) as string;
      if (await has(file)) continue;
      missing += 1;
      if (missingExamples.length < EXAMPLES) missingExamples.push(file);
    }
    return { referenced, missing, orphans: Math.max(0, files - (referenced - missing)), missingExamples };
  } finally {
    await Promise.all([list, relative, sorted].map((file) => rm(file, { force: true })));
  }
}

/** Converts a reference (absolute, starting with `./`, or relative to the tree) to the form that the list of files uses. */
export function relativeReference(reference: string, root: string): string {
  const inside = reference.startsWith(`${root}/`) ? reference.slice(root.length + 1) : reference;
  return path.posix.normalize(inside).replace(/^\.\//, '');
}

async function* relativeLines(list: string, root: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: createReadStream(list), crlfDelay: Number.POSITIVE_INFINITY })) {
    const reference = JSON.parse(line) as string;
    if (reference !== '') yield `${JSON.stringify(relativeReference(reference, root))}\n`;
  }
}

async function sortUnique(from: string, to: string, { environment, signal }: ReferenceRequest): Promise<void> {
  const args = ['--unique', `--temporary-directory=${path.dirname(from)}`, `--output=${to}`, '--', from];
  const child = startChild('sort', args, { environment: { ...environment, LC_ALL: 'C' }, signal, stdout: 'ignore' });
  const end = await child.ended;
  if (end.ok) return;
  signal.throwIfAborted();
  throw new PotctlError('E_TOOL_FAILED', 'sort failed on the list of referenced files', {
    why: end.startError ?? end.stderrTail.join('\n'),
  });
}
