import path from 'node:path';
import type { FilesPart } from '../catalog/manifest.js';
import type { Progress } from '../kernel/progress.js';
import { display } from './byte-path.js';
import { type ContentHash, createContentHash } from './content-hash.js';
import { decompress } from './decompress.js';
import type { ListedFile } from './engine.js';
import { readList } from './list.js';
import { listedFile, pathOf, targetOf } from './listed-file.js';
import { both, type Pipes, type Take, takeAll } from './pipes.js';
import { ArchiveDamage, BLOCK, type TarMember } from './tar-header.js';
import { createTarReader, type TarListener, type TarReader } from './tar-reader.js';

/** A selection of members of an archive, by their index in its list. */
export interface Wanted {
  has(index: number): boolean;
  /** The index of the last one; -1 = none. */
  readonly last: number;
}

/** A stored archive, and where its bytes go while it is read. */
export interface FollowRequest {
  readonly folder: string;
  readonly part: FilesPart;
  readonly pipes: Pipes;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Receives the verified bytes; a header only after its member was compared with the list. */
  readonly forward?: Take;
  /** Called if a member's content differs from what was archived. */
  readonly wrongContent: (text: string) => void;
  /** Forward and hash only these members, and stop reading after the last one. Default: all. */
  readonly wanted?: Wanted;
}

/**
 * Reads the whole archive and compares it with its list: every member must equal the next line of the list in every field.
 *
 * @throws ArchiveDamage at the first difference, naming the member; E_TOOL_MISSING, E_IO, E_FILES_DENIED
 */
export async function followArchive(request: FollowRequest): Promise<void> {
  const { folder, part, signal } = request;
  const expected = createQueue(readList(folder, part, signal));
  const hash = createContentHash();
  const passed = { last: false };
  const reader = createTarReader(compareWith(expected, hash, request, passed));
  const source = { ...request, file: path.join(folder, part.backup_file), compression: part.compression };
  try {
    await decompress(source, takeWith({ reader, expected, hash, passed }, request)).catch((error: unknown) => {
      if (error !== ENOUGH) throw error;
    });
    if (passed.last) return;
    await expected.fill(1);
    if (!reader.ended()) throw new ArchiveDamage(`it is truncated${beforeNext(expected.next())}`);
    const missing = expected.next();
    if (missing) throw new ArchiveDamage(`${quote(missing)} is in the list, but not in the archive`);
  } finally {
    await expected.close();
  }
}

/** Thrown to stop reading after the last wanted member. */
const ENOUGH = new Error('enough was read');

interface Following {
  readonly reader: TarReader;
  readonly expected: Queue;
  readonly hash: ContentHash;
  /** Whether the last wanted member has been read. */
  readonly passed: { last: boolean };
}

function takeWith({ reader, expected, hash, passed }: Following, { forward, progress, signal }: FollowRequest): Take {
  let done = 0;
  const pass: Take = (chunk) => {
    const good = reader.push(chunk);
    done += chunk.length;
    progress({ kind: 'bytes', done });
    const waiting = both(forward && takeAll(good, forward), hash.settle(signal));
    if (!passed.last) return waiting;
    return (waiting ?? Promise.resolve()).then(() => Promise.reject(ENOUGH));
  };
  return (chunk) => {
    // A chunk cannot contain more headers than blocks.
    const filling = expected.fill(chunk.length / BLOCK + 2);
    return filling ? filling.then(() => pass(chunk)) : pass(chunk);
  };
}

const beforeNext = (next: ListedFile | undefined): string => (next ? ` before ${quote(next)}` : '');

/** Returns the name of a listed file for messages. */
export const quote = (file: ListedFile): string => JSON.stringify(display(pathOf(file)));

function compareWith(
  expected: Queue,
  hash: ContentHash,
  { wrongContent, wanted }: FollowRequest,
  passed: { last: boolean },
): TarListener {
  let current: ListedFile | undefined;
  let index = -1;
  return {
    data: hash.data,
    hole: hash.hole,
    member(member) {
      current = expected.next();
      assertSame(member, current);
      index += 1;
      if (wanted === undefined) return 'keep';
      passed.last = index > wanted.last;
      return wanted.has(index) ? 'keep' : 'drop';
    },
    memberEnd() {
      const file = current!;
      hash.end((sha256) => {
        if (file.type !== 'file' || sha256 === file.sha256) return;
        wrongContent(`${quote(file)}: its content differs from what was archived (SHA-256 differs)`);
      });
    },
  };
}

function assertSame(member: TarMember, listed: ListedFile | undefined): asserts listed is ListedFile {
  const name = JSON.stringify(display(member.path));
  if (listed === undefined) throw new ArchiveDamage(`${name} is in the archive, but not in the list`);
  if (pathOf(listed) !== member.path) throw new ArchiveDamage(`${name} is where the list has ${quote(listed)}`);
  if (member.type === 'device') throw new ArchiveDamage(`${name} is a device`);
  if (targetOf(listed) !== member.target) throw new ArchiveDamage(`${name} points to another target than in the list`);
  const facts = listedFile(member, member.type, undefined);
  for (const fact of ['type', 'size', 'mode', 'uid', 'gid', 'mtime_ns'] as const) {
    if (facts[fact] === listed[fact]) continue;
    throw new ArchiveDamage(`${name} has ${fact} ${facts[fact]}, but the list says ${listed[fact]}`);
  }
}

interface Queue {
  /** Loads lines until at least `count` are available, if there are as many; returns nothing if they already are. */
  fill(count: number): Promise<void> | undefined;
  next(): ListedFile | undefined;
  close(): Promise<void>;
}

function createQueue(list: AsyncGenerator<ListedFile>): Queue {
  const ready: ListedFile[] = [];
  let at = 0;
  let exhausted = false;
  const load = async (count: number): Promise<void> => {
    ready.splice(0, at);
    at = 0;
    while (ready.length < count) {
      const line = await list.next().catch(blameList);
      if (line.done) {
        exhausted = true;
        return;
      }
      ready.push(line.value);
    }
  };
  return {
    fill: (count) => (exhausted || ready.length - at >= count ? undefined : load(count + AHEAD)),
    next: () => ready[at++],
    close: async () => void (await list.return(undefined)),
  };
}

/** Lines to read ahead. */
const AHEAD = 1_000;

function blameList(error: unknown): never {
  if (error instanceof ArchiveDamage) throw new ArchiveDamage(`the list of members: ${error.message}`);
  throw error;
}
