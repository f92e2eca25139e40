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

/** Some members of an archive, by their place in its list. */
export interface Wanted {
  has(index: number): boolean;
  /** The place of the last of them; -1 = there is none. */
  readonly last: number;
}

/** A stored archive, and where its bytes go while it is walked. */
export interface FollowRequest {
  readonly folder: string;
  readonly part: FilesPart;
  readonly pipes: Pipes;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Gets what was found good so far; a header only once its member was found to be the next of the list. */
  readonly forward?: Take;
  /** Told when a member's content is not what was archived. */
  readonly wrongContent: (text: string) => void;
  /** Only these are forwarded and hashed, and what stands behind the last of them is not read. Default: all. */
  readonly wanted?: Wanted;
}

/**
 * Walks the archive to its end beside its list: every member must be the next of the list, in every particular.
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
    if (!reader.ended()) throw new ArchiveDamage(`it is cut${beforeNext(expected.next())}`);
    const missing = expected.next();
    if (missing) throw new ArchiveDamage(`${quote(missing)} is in the list, but not in the archive`);
  } finally {
    await expected.close();
  }
}

/** Ends the reading once everything that is wanted has passed. */
const ENOUGH = new Error('enough was read');

interface Following {
  readonly reader: TarReader;
  readonly expected: Queue;
  readonly hash: ContentHash;
  /** Has the last member that is wanted passed? */
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
    // Not more members can begin in a chunk than it has blocks.
    const filling = expected.fill(chunk.length / BLOCK + 2);
    return filling ? filling.then(() => pass(chunk)) : pass(chunk);
  };
}

const beforeNext = (next: ListedFile | undefined): string => (next ? ` before ${quote(next)}` : '');

/** The name of a listed file, for a message. */
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
        wrongContent(`${quote(file)}: its content is not what was archived (SHA-256 differs)`);
      });
    },
  };
}

function assertSame(member: TarMember, listed: ListedFile | undefined): asserts listed is ListedFile {
  const name = JSON.stringify(display(member.path));
  if (listed === undefined) throw new ArchiveDamage(`${name} is in the archive, but not in the list`);
  if (pathOf(listed) !== member.path) throw new ArchiveDamage(`${name} stands where the list has ${quote(listed)}`);
  if (member.type === 'device') throw new ArchiveDamage(`${name} is a device`);
  if (targetOf(listed) !== member.target) throw new ArchiveDamage(`${name} points elsewhere than the list says`);
  const facts = listedFile(member, member.type, undefined);
  for (const fact of ['type', 'size', 'mode', 'uid', 'gid', 'mtime_ns'] as const) {
    if (facts[fact] === listed[fact]) continue;
    throw new ArchiveDamage(`${name} has ${fact} ${facts[fact]}, the list says ${listed[fact]}`);
  }
}

interface Queue {
  /** Makes sure that so many lines are at hand, if there are; gives nothing when they are already. */
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

/** Lines read at once beyond what is needed. */
const AHEAD = 1_000;

function blameList(error: unknown): never {
  if (error instanceof ArchiveDamage) throw new ArchiveDamage(`the list of its members: ${error.message}`);
  throw error;
}
