import { ArchiveDamage, BLOCK } from '../tar-header.js';
import { type Ahead, type ImportedMember, kindOf, parseImported, parseImportedRecords, sizeOf } from './header.js';

/** Receives the members of an archive. An exception stops the reading. */
export interface ImportedListener {
  member(member: ImportedMember): void;
  /** Bytes of the current file's content; valid until it returns. */
  data(bytes: Buffer): void;
  memberEnd(): void;
}

export interface ImportedReader {
  /** Takes the next bytes of the stream, in pieces of any size. @throws ArchiveDamage, or what the listener throws */
  push(chunk: Buffer): void;
  /** Ends the stream. @throws ArchiveDamage if it was truncated */
  end(): void;
}

const AHEAD_LIMIT = 4 << 20;
const NOTHING = Buffer.alloc(0);
const NOTHING_AHEAD: Ahead = { records: new Map(), name: undefined, link: undefined };

interface State {
  place: 'header' | 'body' | 'padding' | 'trailer';
  left: number;
  padding: number;
  ahead: Ahead;
}

/** Creates a reader for a tar stream of another program, with constant memory: GNU, ustar, pax and old Unix formats. */
export function createImportedReader(listener: ImportedListener): ImportedReader {
  const state: State = { place: 'header', left: 0, padding: 0, ahead: NOTHING_AHEAD };
  let carry: Buffer = NOTHING;
  return {
    push(chunk) {
      const bytes = carry.length === 0 ? chunk : Buffer.concat([carry, chunk]);
      let at = 0;
      while (at < bytes.length && state.place !== 'trailer') {
        const next = step(state, listener, bytes, at);
        if (next === at) break;
        at = next;
      }
      // What follows the end mark has no meaning: tar ignores it, too.
      carry = state.place === 'trailer' ? NOTHING : Buffer.from(bytes.subarray(at));
    },
    end() {
      if (state.place === 'trailer') return;
      throw new ArchiveDamage('it is truncated: its end is missing');
    },
  };
}

function step(state: State, listener: ImportedListener, bytes: Buffer, at: number): number {
  if (state.place === 'header') return takeHeader(state, listener, bytes, at);
  const wanted = state.place === 'body' ? state.left : state.padding;
  const length = Math.min(wanted, bytes.length - at);
  if (state.place === 'padding') state.padding -= length;
  else {
    listener.data(bytes.subarray(at, at + length));
    state.left -= length;
    if (state.left === 0) listener.memberEnd();
  }
  settle(state);
  return at + length;
}

function settle(state: State): void {
  state.place = state.left > 0 ? 'body' : state.padding > 0 ? 'padding' : 'header';
}

function takeHeader(state: State, listener: ImportedListener, bytes: Buffer, at: number): number {
  if (bytes.length - at < BLOCK) return at;
  const block = bytes.subarray(at, at + BLOCK);
  if (block.every((byte) => byte === 0)) {
    state.place = 'trailer';
    return at + BLOCK;
  }
  const kind = kindOf(block);
  if (kind === 'member') return begin(state, listener, block, at + BLOCK);
  const size = sizeOf(block);
  if (size > AHEAD_LIMIT) throw new ArchiveDamage('an extended header is too large');
  const end = at + BLOCK + size;
  if (bytes.length < end) return at;
  state.ahead = joined(state.ahead, kind, bytes.subarray(at + BLOCK, end));
  state.padding = Math.ceil(size / BLOCK) * BLOCK - size;
  settle(state);
  return end;
}

function joined(ahead: Ahead, kind: Exclude<ReturnType<typeof kindOf>, 'member'>, body: Buffer): Ahead {
  const name = body.toString('latin1').replace(/\0.*$/s, '');
  if (kind === 'longname') return { ...ahead, name };
  if (kind === 'longlink') return { ...ahead, link: name };
  const records = parseImportedRecords(body);
  // git writes a comment there; anything else would change all following members.
  if (kind === 'records') return { ...ahead, records };
  if ([...records.keys()].every((keyword) => keyword === 'comment')) return ahead;
  throw new ArchiveDamage('it has a global header that applies to all members, which potctl does not support');
}

function begin(state: State, listener: ImportedListener, block: Buffer, at: number): number {
  const member = parseImported(block, state.ahead);
  state.ahead = NOTHING_AHEAD;
  listener.member(member);
  state.left = member.size;
  state.padding = Math.ceil(member.size / BLOCK) * BLOCK - member.size;
  if (member.size === 0) listener.memberEnd();
  settle(state);
  return at;
}
