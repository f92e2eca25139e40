import { type ContentSink, createSparseContent } from './sparse.js';
import { ArchiveDamage, BLOCK, flagOf, lengthOf, parseMember, parseRecords, type TarMember } from './tar-header.js';

const MAX_RECORDS_BYTES = 4 << 20;
const NOTHING = Buffer.alloc(0);

/** Receives the members of an archive. An exception stops the reading before anything of that chunk is forwarded. */
export interface TarListener extends ContentSink {
  /** Called when a header is complete. `drop` omits the whole member from the forwarded bytes and from `data` and `hole`. */
  member(member: TarMember): 'keep' | 'drop';
  /** Called when the content of the last kept member is complete. */
  memberEnd(): void;
}

export interface TarReader {
  /**
   * Takes the next bytes of the stream, in pieces of any size, and returns those to forward, in order, without copying. A member is
   * forwarded only after its header was accepted; the end-of-archive blocks are never forwarded.
   *
   * @throws ArchiveDamage, or what the listener throws
   */
  push(chunk: Buffer): Buffer[];
  /** Returns whether the end-of-archive mark was seen. Without it the stream is truncated. */
  ended(): boolean;
}

interface State {
  place: 'header' | 'body' | 'trailer';
  keep: boolean;
  /** Remaining bytes of content, then of padding. */
  content: number;
  padding: number;
  sparse: ReturnType<typeof createSparseContent> | undefined;
}

/** Creates a reader for a tar stream (pax format, as GNU tar writes it) with constant memory. */
export function createTarReader(listener: TarListener): TarReader {
  const state: State = { place: 'header', keep: true, content: 0, padding: 0, sparse: undefined };
  let carry: Buffer = NOTHING;
  return {
    push(chunk) {
      const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
      const runs = createRuns(bytes);
      let at = 0;
      while (at < bytes.length) {
        const start = at;
        at = STEPS[state.place](state, listener, bytes, at);
        if (at === start) break;
        if (state.keep && state.place !== 'trailer') runs.add(start, at);
      }
      carry = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
      return runs.all();
    },
    ended: () => state.place === 'trailer',
  };
}

/** Each step consumes what it can from `at` and returns its new position; no progress means that it needs more bytes. */
const STEPS = { header: takeHeader, body: takeBody, trailer: takeTrailer };

function takeHeader(state: State, listener: TarListener, bytes: Buffer, at: number): number {
  if (bytes.length - at < BLOCK) return at;
  const block = bytes.subarray(at, at + BLOCK);
  if (block[0] === 0 && isZero(block)) {
    state.place = 'trailer';
    return at + BLOCK;
  }
  if (flagOf(block) !== 'x') return begin(state, listener, parseMember(block), at + BLOCK);
  const length = lengthOf(block);
  if (length > MAX_RECORDS_BYTES) throw new ArchiveDamage('an extended header is too large');
  const main = at + BLOCK + padded(length);
  if (bytes.length < main + BLOCK) return at;
  const records = parseRecords(bytes.subarray(at + BLOCK, at + BLOCK + length));
  return begin(state, listener, parseMember(bytes.subarray(main, main + BLOCK), records), main + BLOCK);
}

function begin(state: State, listener: TarListener, member: TarMember, end: number): number {
  state.keep = listener.member(member) === 'keep';
  state.content = member.stored;
  state.padding = padded(member.stored) - member.stored;
  state.sparse = member.sparse && state.keep ? createSparseContent(member.size, listener) : undefined;
  state.place = 'body';
  if (member.stored === 0) finish(state, listener);
  return end;
}

function takeBody(state: State, listener: TarListener, bytes: Buffer, at: number): number {
  const content = Math.min(state.content, bytes.length - at);
  if (content > 0 && state.keep) (state.sparse?.add ?? listener.data)(bytes.subarray(at, at + content));
  state.content -= content;
  const padding = state.content > 0 ? 0 : Math.min(state.padding, bytes.length - at - content);
  state.padding -= padding;
  if (state.content + state.padding === 0) finish(state, listener);
  return at + content + padding;
}

function finish(state: State, listener: TarListener): void {
  state.place = 'header';
  if (!state.keep) return;
  state.sparse?.end();
  listener.memberEnd();
}

function takeTrailer(_state: State, _listener: TarListener, bytes: Buffer, at: number): number {
  if (!isZero(bytes.subarray(at))) throw new ArchiveDamage('there is data after the end of the archive');
  return bytes.length;
}

const ZEROS = Buffer.alloc(64 << 10);

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0) return false;
  }
  return true;
}

const padded = (length: number): number => Math.ceil(length / BLOCK) * BLOCK;

/** Collects ranges of `bytes` and joins adjacent ones. */
function createRuns(bytes: Buffer) {
  const runs: [number, number][] = [];
  return {
    add(start: number, end: number): void {
      const last = runs.at(-1);
      if (last && last[1] === start) last[1] = end;
      else runs.push([start, end]);
    },
    all: (): Buffer[] => runs.map(([start, end]) => bytes.subarray(start, end)),
  };
}
